"""Gathers the frame log by minute in memory and keeps each minute once its site has gone on."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from hexi_kit.clock import Clock
from hexi_kit.metrics import counter, gauge

from hexi_telemetry.domain.frame import Frame
from hexi_telemetry.domain.layout import Layout
from hexi_telemetry.domain.minute import Minute
from hexi_telemetry.domain.series import MINUTE_MS, minute_of
from hexi_telemetry.ports.series import ClosedMinute, MinuteKey, SeriesStore
from hexi_telemetry.ports.streams import Sites

# Frames of a tick come within seconds of each other; what is later becomes a part of its own.
GRACE_MS = 20_000
OPEN_MS_MAX = 90_000
LOOK_S = 2.0
# Two minutes of a million servers and a little more; a draining spool must not take all memory.
CELLS_MAX = 24_000_000
LAYOUTS_MAX = 1_024
# A transaction for several minutes costs little more than one for each, and memory for a while.
KEPT_AT_ONCE = 8


@dataclass(slots=True)
class _Open:
    """A minute that still grows."""

    minute: Minute
    partition: int
    first_offset: int
    opened_at_ms: int


class Series:
    """Memory is a shadow of the log: a mark says from where a start must read it again.

    The mark of a partition lies at the first frame of its oldest open minute. Minutes closed
    meanwhile know through which offset they have heard, so a frame read again is never added twice.
    """

    def __init__(self, store: SeriesStore, sites: Sites, clock: Clock) -> None:
        self._store, self._sites, self._clock = store, sites, clock
        self._open: dict[MinuteKey, _Open] = {}
        self._next: dict[int, int] = {}
        self._newest: dict[str, int] = {}
        self._kept: dict[MinuteKey, int] = {}
        self._layouts: OrderedDict[tuple[str, int], Layout] = OrderedDict()
        self._turn = asyncio.Lock()

    async def remember(self) -> None:
        """Take up what earlier runs kept."""
        self._next, self._kept = await self._store.load()

    def mark_of(self, partition: int) -> int:
        """From where a partition must be read again."""
        return self._marks().get(partition, 0)

    async def hear(self, partition: int, offset: int, frame: Frame) -> None:
        """Take in the next frame of a partition; waits where memory is full."""
        if offset < self._next.get(partition, 0):
            return
        self._next[partition] = offset + 1
        key = MinuteKey(frame.site_id, minute_of(frame.observed_at_ms), frame.revision)
        if offset < self._kept.get(key, 0):
            return
        newest = self._newest.get(frame.site_id, 0)
        self._newest[frame.site_id] = max(newest, frame.observed_at_ms)
        found = self._open.get(key)
        if found is not None:
            found.minute.add(frame)
            return
        layout = self._layout(frame)
        if layout is None:
            counter("telemetry.series_unplaced").add(1)
            return
        found = _Open(Minute(layout), partition, offset, self._clock.now_ms())
        found.minute.add(frame)
        self._open[key] = found
        if self._cells() > CELLS_MAX:
            await self._make_room()

    async def run(self) -> None:
        """Keep what is ripe, as long as the process runs."""
        while True:
            await self._clock.sleep(LOOK_S)
            await self.keep_ripe()

    async def keep_ripe(self) -> None:
        now_ms = self._clock.now_ms()

        def is_ripe(key: MinuteKey, found: _Open) -> bool:
            has_gone_on = key.start_ms + MINUTE_MS + GRACE_MS <= self._newest[key.site_id]
            return has_gone_on or found.opened_at_ms + OPEN_MS_MAX <= now_ms

        await self._keep(is_ripe)

    async def keep_all(self) -> None:
        await self._keep(lambda _key, _found: True)

    async def _make_room(self) -> None:
        await self.keep_ripe()
        if self._cells() > CELLS_MAX:
            await self.keep_all()

    async def _keep(self, wanted: Callable[[MinuteKey, _Open], bool]) -> None:
        """First the minutes, then the marks: a crash between leaves minutes beyond the mark."""
        async with self._turn:
            ripe = [key for key in sorted(self._open) if wanted(key, self._open[key])]
            taken = {key: self._open.pop(key) for key in ripe}
            through, marks = dict(self._next), self._marks()
            for start in range(0, len(ripe), KEPT_AT_ONCE):
                closed = []
                for key in ripe[start : start + KEPT_AT_ONCE]:
                    found = taken.pop(key)
                    levels = await asyncio.to_thread(found.minute.close)
                    offset = through[found.partition]
                    closed.append(ClosedMinute(key, found.partition, offset, levels))
                await self._store.save(closed)
            if ripe:
                await self._store.mark(marks)
                counter("telemetry.series_minutes_kept").add(len(ripe))
        gauge("telemetry.series_open_readings").set(self._cells())

    def _marks(self) -> dict[int, int]:
        """Below these offsets nothing is in memory only."""
        marks = dict(self._next)
        for found in self._open.values():
            marks[found.partition] = min(marks[found.partition], found.first_offset)
        return marks

    def _cells(self) -> int:
        return sum(found.minute.cells for found in self._open.values())

    def _layout(self, frame: Frame) -> Layout | None:
        """None where nobody has told of the server set, or of so many servers."""
        name = (frame.site_id, frame.revision)
        layout = self._layouts.get(name)
        if layout is None:
            server_set = self._sites.server_set(*name)
            if server_set is None:
                return None
            layout = self._layouts[name] = Layout.of(server_set)
            if len(self._layouts) > LAYOUTS_MAX:
                self._layouts.popitem(last=False)
        return layout if frame.first_server + frame.count <= layout.servers else None
