"""Names of running processes that survive reuse of their number: pid and start time."""

from __future__ import annotations

import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
START_FIELD = 19  # of /proc/<pid>/stat after the command in brackets: start time in ticks


@dataclass(frozen=True, slots=True)
class ProcessName:
    """One process that ran: equal names mean the same process, not only the same number."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> ProcessName | None:
        """The name of the process that has this pid now."""
        started = _started(pid)
        return cls(pid, started) if started else None

    @classmethod
    def read(cls, plain: Any) -> ProcessName | None:
        try:
            return cls(int(plain["pid"]), str(plain["started"]))
        except (KeyError, TypeError, ValueError):
            return None

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    def is_running(self) -> bool:
        return _started(self.pid) == self.started

    def end(self, deadline_s: float, gentle: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, then make it: afterwards nothing of its process group runs."""
        if not self.is_running():
            return
        process = psutil.Process(self.pid)
        try:
            process.send_signal(gentle)
            process.wait(deadline_s)
        except psutil.TimeoutExpired:
            pass
        except psutil.NoSuchProcess:
            return
        if self.is_running():
            kill_group(self.pid)


def kill_group(leader: int) -> None:
    """SIGKILL to a process group that may be gone already."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _started(pid: int) -> str:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        if not BOOT_ID.exists():
            return f"{process.create_time():.3f}"
        # Ticks since boot do not move when the wall clock is set; the boot id tells boots apart.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return f"{BOOT_ID.read_text().strip()}:{fields[START_FIELD]}"
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return ""
