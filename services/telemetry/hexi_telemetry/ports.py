"""What the handlers need from outside."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from hexi.telemetry.v1 import telemetry_pb2, telemetry_service_pb2
from hexi_kit.kafka.record import Record

from hexi_telemetry.domain.arrival import Arrival, Decided
from hexi_telemetry.domain.check import Site
from hexi_telemetry.domain.facts import ServerSetFacts, SiteFacts
from hexi_telemetry.domain.quarter import Quarter
from hexi_telemetry.domain.rollup import Rollup
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

    def racks_of(self, site_id: str, revision: int, first: int, count: int) -> list[str]: ...

    async def heard_of(self, site_id: str, revision: int) -> None:
        """Wait a moment for a revision that may be on its way."""
        ...


@dataclass(slots=True)
class LogBatch:
    """What one batch of the frame log adds to the database.

    `logged` names (stream, number, digest) of every frame: the ledger may not know them yet.
    """

    quarters: dict[tuple[str, int], Quarter] = field(default_factory=dict)
    logged: list[tuple[StreamKey, int, bytes]] = field(default_factory=list)
    watermarks: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Window:
    """One interval of one site."""

    site_id: str
    start_ms: int
    width_ms: int


class WindowWork(Protocol):
    """One transaction over quarters and rollups."""

    async def add(self, batch: LogBatch) -> None: ...

    async def ripe(self, before_ms: int | None = None) -> list[Window]:
        """Windows with news whose site has gone on past their end, or that ended long ago."""
        ...

    async def around(self, window: Window) -> list[Quarter]:
        """The quarters of a window and one neighbour on each side, in order."""
        ...

    async def published(self, window: Window) -> tuple[int, Rollup | None]:
        """Newest revision and what it said; 0 where there is none."""
        ...

    async def publish(self, rollup: Rollup, revision: int) -> None: ...

    async def settle(self, windows: Sequence[Window]) -> None:
        """Their news is told."""
        ...


class WindowStore(Protocol):
    """Begins transactions; leaving the context well commits."""

    def begin(self, records: Sequence[Record] = ()) -> AbstractAsyncContextManager[WindowWork]:
        """With `records`, of one partition, the inbox mark moves behind them."""
        ...


class SiteStore(Protocol):
    """What inventory said, kept."""

    async def load(self) -> tuple[list[SiteFacts], list[ServerSetFacts]]: ...

    async def save_sites(self, records: Sequence[Record], sites: Sequence[SiteFacts]) -> None: ...

    async def save_server_sets(
        self, records: Sequence[Record], server_sets: Sequence[ServerSetFacts]
    ) -> None: ...


class Reads(Protocol):
    """Pages of what is stored: nothing is decided, so no handler stands between."""

    async def rollups(
        self, site_id: str, between_ms: tuple[int, int], after: tuple[int, int], size: int
    ) -> list[tuple[int, int, telemetry_pb2.RollupClosed]]: ...

    async def gaps(
        self, site_id: str, after: int, size: int
    ) -> list[tuple[int, telemetry_pb2.GapRecorded]]: ...

    async def streams(self, site_id: str) -> list[telemetry_service_pb2.StreamStatus]: ...
