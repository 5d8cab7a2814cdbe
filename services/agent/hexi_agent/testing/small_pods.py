"""A pod of the small cluster: a process of this machine, told of as the API tells of pods."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from hexi_kit.clock import SystemClock

Thing = dict[str, Any]
# An image of this beginning can not be pulled.
MISSING = "missing/"
OUTPUT_BYTES_MAX = 1024**2
END_S = 5.0
START_ERROR = 128
_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


class Pod:
    """Pending until started, then running until its process ends."""

    def __init__(self, job: Thing, index: int) -> None:
        spec = job["spec"]["template"]["spec"]
        (self._container,) = spec["containers"]
        self._index = index
        self._process: asyncio.subprocess.Process | None = None
        self._scratch = tempfile.TemporaryDirectory(prefix="pod-", ignore_cleanup_errors=True)
        self.name = f"{job['metadata']['name']}-{index}-x"
        self.output = b""
        self.thing: Thing = {
            "metadata": {"name": self.name, "labels": job["spec"]["template"]["metadata"]["labels"]}
        }
        self._say("Pending", {"waiting": {"reason": "ContainerCreating"}})

    @property
    def is_pending(self) -> bool:
        return bool(self.thing["status"]["phase"] == "Pending")

    async def start(self) -> None:
        if self._container["image"].startswith(MISSING):
            reason = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
            self._say("Pending", {"waiting": reason})
            return
        given = {one["name"]: one["value"] for one in self._container["env"]}
        variables = {"PATH": os.defpath, "JOB_COMPLETION_INDEX": str(self._index)}
        for name, value in given.items():
            variables[name] = expand(value, variables)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(expand(argument, variables) for argument in self._container["command"]),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                cwd=self._container.get("workingDir", self._scratch.name),
                env=variables,
                start_new_session=True,
            )
        except OSError as error:
            ended: Thing = {"reason": "StartError", "message": str(error)}
            self._say("Failed", {"terminated": ended | {"exitCode": START_ERROR}})
            return
        self._say("Running", {"running": {}})

    async def ended(self) -> int:
        """Wait for its end; the exit code."""
        if self._process is None or self._process.stdout is None:
            return START_ERROR
        while chunk := await self._process.stdout.read(65_536):
            self.output = (self.output + chunk)[-OUTPUT_BYTES_MAX:]
        code = await self._process.wait()
        code = code if code >= 0 else 128 - code
        reason = "Error" if code else "Completed"
        ended = {"exitCode": code, "reason": reason, "finishedAt": _now()}
        self._say("Failed" if code else "Succeeded", {"terminated": ended})
        return code

    def terminate(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None and self._process.returncode is None:
            # It may have ended and been waited for, and the loop has not told us yet.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    async def end(self) -> None:
        """Gently, then not."""
        self.terminate()
        if self._process is not None:
            try:
                await asyncio.wait_for(self._process.wait(), END_S)
            except TimeoutError:
                self.terminate(signal.SIGKILL)
                await self._process.wait()
        self._scratch.cleanup()

    def _say(self, phase: str, state: Thing) -> None:
        container = {"name": self._container["name"], "state": state}
        self.thing["status"] = {"phase": phase, "containerStatuses": [container]}


def _now() -> str:
    seconds = SystemClock().now_ms() // 1_000
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def expand(text: str, variables: dict[str, str]) -> str:
    """What the kubelet makes of $(NAME) and $$ in commands and values."""

    def value(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else variables.get(found[1], found[0])

    return _REFERENCE.sub(value, text)


def select(things: Iterable[Thing], selector: str) -> list[Thing]:
    """Those with all labels of `a=b,c=d`."""
    wanted = dict(pair.split("=", 1) for pair in selector.split(",") if pair)
    found = [one for one in things if wanted.items() <= one["metadata"]["labels"].items()]
    return sorted(found, key=lambda one: str(one["metadata"]["name"]))


def failure(code: int, reason: str) -> Thing:
    status: Thing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    return status | {"reason": reason, "message": f"{reason} here"}


def event_line(kind: str, thing: Thing) -> bytes:
    return json.dumps({"type": kind, "object": thing}).encode() + b"\n"
