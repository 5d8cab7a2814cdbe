"""What this state directory started: kept on disk, so that the next supervisor can end it."""

from __future__ import annotations

import os
from typing import Any

from hexi_local.process import ProcessName
from hexi_local.state import StateDir, read_json, write_json

LEFTOVER_DEADLINE_S = 10.0
SUPERVISOR_DEADLINE_S = 90.0


class Ledger:
    """The file processes.json: the supervisor, and every process with its state."""

    def __init__(self, state: StateDir) -> None:
        self._path = state.processes_file

    def write(self, processes: list[dict[str, Any]], ready: bool) -> None:
        own = ProcessName.of(os.getpid())
        assert own is not None
        plain = {"supervisor": own.plain(), "ready": ready, "processes": processes}
        write_json(self._path, plain)

    def read(self) -> dict[str, Any]:
        return read_json(self._path)

    def supervisor(self) -> ProcessName | None:
        """The supervisor, if it runs."""
        name = ProcessName.read(self.read().get("supervisor"))
        return name if name is not None and name.is_running() else None

    def processes(self) -> list[dict[str, Any]]:
        """Every process in order of start: name, pid, state, restarts."""
        return list(self.read().get("processes", []))

    def ready(self) -> bool:
        return bool(self.read().get("ready"))

    def end_supervisor(self) -> bool:
        """Ask a running supervisor to stop everything; say whether there was one."""
        supervisor = self.supervisor()
        if supervisor is not None:
            supervisor.end(SUPERVISOR_DEADLINE_S)
        return supervisor is not None

    def end_leftovers(self) -> list[str]:
        """End what a dead supervisor left running, last started first; say which."""
        ended = []
        for plain in reversed(self.processes()):
            found = ProcessName.read(plain)
            if found is not None and found.is_running():
                found.end(LEFTOVER_DEADLINE_S)
                ended.append(str(plain.get("name")))
        return ended
