"""What pushing frames needs from outside: a ledger, a log, and word of the sites."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hexi.telemetry.v1 import telemetry_pb2, telemetry_service_pb2

from hexi_telemetry.domain.arrival import Arrival, Decided
from hexi_telemetry.domain.check import Site
from hexi_telemetry.domain.facts import ServerSetFacts
from hexi_telemetry.domain.stream import Stream, StreamKey


class StreamStore(Protocol):
    """The ledger of every stream."""

    async def newest(self, site_id: str, agent_id: str) -> Stream | None:
        """The stream of the highest epoch, with what the log has beyond it."""
        ...

    async def commit(self, decided: Decided, now_ms: int) -> None:
        """One transaction; raises when another process decided meanwhile."""
        ...


class FrameLog(Protocol):
    """The frame topic; returns when the broker has them all."""

    async def append(self, stream: StreamKey, frames: Sequence[Arrival]) -> None: ...


class Sites(Protocol):
    """What inventory says, as far as it has been heard."""

    def find(self, site_id: str) -> Site | None: ...

    def server_set(self, site_id: str, revision: int) -> ServerSetFacts | None: ...

    def racks_of(self, site_id: str, revision: int, first: int, count: int) -> list[str]: ...

    def carbon_of(self, site_id: str) -> tuple[int, ...]:
        """Grams a kilowatt-hour by hour of the day of the contracted mix; none: not known."""
        ...

    async def heard_of(self, site_id: str, revision: int) -> None:
        """Wait a moment for a revision that may be on its way."""
        ...


class Reads(Protocol):
    """Pages of what is stored: nothing is decided, so no handler stands between."""

    async def rollups(
        self,
        site_id: str,
        between_ms: tuple[int, int],
        after: tuple[int, int],
        paged: tuple[int, int],
    ) -> list[tuple[int, int, telemetry_pb2.RollupClosed]]:
        """`paged` is how many, and of which width; 0: of all that are published."""
        ...

    async def gaps(
        self, site_id: str, after: int, size: int
    ) -> list[tuple[int, telemetry_pb2.GapRecorded]]: ...

    async def streams(self, site_id: str) -> list[telemetry_service_pb2.StreamStatus]: ...
