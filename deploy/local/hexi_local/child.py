"""A child process: own group, own log, never outliving the one that started it."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hexi_local.logfile import open_log, tail
from hexi_local.process import ProcessName, kill_group

PR_SET_PDEATHSIG = 1


class ChildFailed(Exception):
    """A process ended, or stayed silent, before it was ready."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. `orphan_signal` is what the kernel sends it when its parent dies."""

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    stop_timeout_s: float = 10.0


class Child:
    """One run of a command. `stop` always leaves nothing of its process group behind."""

    def __init__(self, command: Command, process: asyncio.subprocess.Process) -> None:
        self.command = command
        self._process = process
        self.name = ProcessName.of(process.pid)

    @classmethod
    async def start(cls, command: Command) -> Child:
        """Spawn it. Must be called in a thread that lives on: its death would end the child."""
        with open_log(command.log) as log:
            process = await asyncio.create_subprocess_exec(
                *command.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **command.env},
                user=command.user,
                group=command.user and _group_of(command.user),
                extra_groups=[] if command.user else None,
                start_new_session=True,
                preexec_fn=_die_with_parent(command.orphan_signal),
            )
        return cls(command, process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def wait(self) -> int:
        """Its exit code, negative for a signal."""
        return await self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        if self.running:
            self._process.send_signal(number)

    async def stop(self) -> int:
        """Ask, wait for the deadline, then kill; sweep what the child itself left behind."""
        self.signal(self.command.stop_signal)
        try:
            async with asyncio.timeout(self.command.stop_timeout_s):
                await self.wait()
        except TimeoutError:
            kill_group(self.pid)
        code = await self.wait()
        kill_group(self.pid)
        return code

    def failure(self, what: str) -> ChildFailed:
        """An error that says `what` and shows the end of the log."""
        lines = "\n".join(tail(self.command.log))
        return ChildFailed(f"{self.command.name} {what}; end of {self.command.log}:\n{lines}")


def _group_of(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


def _die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    # Loaded before the fork: between fork and exec only plain system calls are safe.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def arm() -> None:
        prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return arm
