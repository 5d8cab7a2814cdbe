"""What rolling up needs from outside: transactions over quarters and rollups."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from hexi_kit.kafka.record import Record

from hexi_telemetry.domain.quarter import Quarter
from hexi_telemetry.domain.rollup import Rollup
from hexi_telemetry.domain.stream import StreamKey


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
        """With `records` the inbox marks move behind them."""
        ...
