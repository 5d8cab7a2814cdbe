"""What runs work: simulated processes of a fleet, real ones of this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hexi.scheduler.v1 import place_pb2, scheduler_service_pb2

Order = scheduler_service_pb2.Order
Report = Callable[[place_pb2.RunReport], None]


class Executor(Protocol):
    """Orders may come again at any time; a run is never started twice."""

    def start(self, order: Order) -> None: ...

    def stop(self, placement_id: str) -> None:
        """The scheduler no longer wants it; whether it runs here or not."""
        ...

    def keep_only(self, wanted: set[str]) -> None:
        """The scheduler's whole picture: stop and forget what is not in it."""
        ...

    async def run(self) -> None:
        """Works until cancelled."""
        ...


class NamedProgram(Protocol):
    """What a site offers by a name; a workload can not say what is really run."""

    def argv(self, order: Order) -> list[str]:
        """Raises InvalidArgument for an order that it can not run."""
        ...

    def ended(self, placement_id: str, server: int, output: bytes) -> None:
        """It ended well; may be told again."""
        ...
