"""What rolling up needs from outside: transactions over cells and rollups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from hexi_kit.kafka.record import Record

from hexi_telemetry.domain.energy.account import Account
from hexi_telemetry.domain.energy.agreement import Pairs
from hexi_telemetry.domain.energy.rollup import Rollup
from hexi_telemetry.domain.stream import Ahead, StreamKey


@dataclass(slots=True)
class LogBatch:
    """What one batch of the frame log adds to the database.

    `points` are rows of (site, minute). `logged` names stream and number of every frame:
    the ledger may not know them yet.
    """

    points: dict[tuple[str, int], bytes] = field(default_factory=dict)
    logged: list[tuple[StreamKey, int, Ahead]] = field(default_factory=list)
    watermarks: dict[str, int] = field(default_factory=dict)


class Window(NamedTuple):
    """One interval of one site."""

    site_id: str
    start_ms: int
    width_ms: int


class Closing(NamedTuple):
    """A window to be closed, and the account behind what it says."""

    rollup: Rollup
    account: Account


class WindowWork(Protocol):
    """One transaction over cells and rollups."""

    async def add(self, batch: LogBatch) -> None: ...

    async def hold(self, sites: Sequence[str] | None) -> dict[str, int]:
        """Watermarks of sites, None: all that have news; nobody else closes theirs meanwhile."""
        ...

    async def fresh_minutes(self, ripe_ms: Mapping[str, int]) -> list[tuple[str, int]]:
        """(site, minute) with news and ended by the site's moment, in order; bounded."""
        ...

    async def beside(self, site_id: str, first_ms: int, last_ms: int) -> tuple[int, int]:
        """The nearest minutes with points before and after; the given ones where there are none."""
        ...

    async def cells(self, site_id: str, start_ms: int, end_ms: int) -> list[bytes]:
        """Points of [start, end), and of the nearest minutes with points on both sides."""
        ...

    async def ripe(self, child_ms: int, width_ms: int, ripe_ms: Mapping[str, int]) -> list[Window]:
        """Windows of `width_ms` whose narrower ones have news, ended by the site's moment."""
        ...

    async def parts(self, windows: Sequence[Window], child_ms: int) -> dict[Window, list[Account]]:
        """The accounts of the narrower windows inside each window, in order."""
        ...

    async def close(self, closings: Sequence[Closing]) -> int:
        """Keep what is new. What says other than before gets the next revision, and is told of all
        but minutes; how many.
        """
        ...

    async def settle(self, windows: Sequence[Window], child_ms: int) -> None:
        """The narrower windows' news, or for minutes the cells', is told in these."""
        ...

    async def agreements(self, sites: Sequence[str]) -> dict[tuple[str, int], Pairs]:
        """How servers and IT meter of (site, revision) stood to each other at first."""
        ...

    async def agree(self, site_id: str, revision: int, first: Pairs) -> None:
        """Keep it, where none is kept yet."""
        ...

    async def forget(self, before_ms: int) -> None:
        """Cells and minutes so old that no frame may come for them any more."""
        ...


class WindowStore(Protocol):
    """Begins transactions; leaving the context well commits."""

    def begin(self, records: Sequence[Record] = ()) -> AbstractAsyncContextManager[WindowWork]:
        """With `records` the inbox marks move behind them."""
        ...
