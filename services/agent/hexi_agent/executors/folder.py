"""A folder a run: written before its process starts, so that no run is ever started twice."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hexi_agent.executors import shim


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What the shim is told, and when, by the province's clock, the run was begun."""

    argv: list[str]
    environment: dict[str, str]
    memory_mib: int
    cpu_s_max: int
    wall_s_max: int
    output_bytes_max: int
    begun_at_ms: int
    ends_at_ms: int
    # Set by us alone: the name by which the site offers what is run, and on which server.
    program: str = ""
    server: int = 0


@dataclass(frozen=True, slots=True)
class RunFolder:
    """spec.json, shim.json, child.json, result.json: each says how far the run has come."""

    path: Path

    @property
    def placement_id(self) -> str:
        return self.path.name

    def begin(self, spec: RunSpec) -> subprocess.Popen[bytes]:
        """Start the run.

        Raises:
            FileExistsError: it was started, or tried, before.
        """
        self.path.mkdir()
        shim.write_whole(self.path / "spec.json", asdict(spec))
        return subprocess.Popen(
            [sys.executable, "-I", "-S", shim.__file__, str(self.path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={"PATH": os.defpath},
        )

    def spec(self) -> RunSpec | None:
        found = self._read("spec.json")
        return None if found is None else RunSpec(**found)

    @property
    def has_started(self) -> bool:
        return (self.path / "child.json").exists()

    def result(self) -> dict[str, Any] | None:
        return self._read("result.json")

    def output(self) -> bytes:
        path = self.path / "output"
        return path.read_bytes() if path.exists() else b""

    def is_alive(self) -> bool:
        """A live shim holds the lock, and the kernel lets go of it with the shim."""
        try:
            with (self.path / "lock").open("r") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def give_up(self, result: dict[str, Any]) -> None:
        """Write down the end of a run whose shim is gone; one that comes late finds this."""
        with (self.path / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.result() is None:
                self._kill_orphan()
                shim.write_whole(self.path / "result.json", result)

    def stop(self, reason: str) -> None:
        """Ask the shim to end the run; its result tells when that is done."""
        (self.path / "stop").write_text(reason)
        kept = self._read("shim.json")
        if kept is not None and self.is_alive():
            os.kill(kept["pid"], signal.SIGTERM)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def _kill_orphan(self) -> None:
        """A killed shim leaves its process alone; it leads a group of its own in our scratch."""
        kept = self._read("child.json")
        if kept is not None and _works_in(kept["pid"], self.path / "scratch"):
            shim.kill_group(kept["pid"], signal.SIGKILL)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads((self.path / name).read_text())
        except FileNotFoundError:
            return None
        return found


def _works_in(pid: int, folder: Path) -> bool:
    """Whether that process is still the one of this run and not another with its number."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"TMPDIR={folder}".encode() in environment.split(b"\0")
