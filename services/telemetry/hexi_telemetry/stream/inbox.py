"""Handles what telemetry hears: sites, server sets, and its own frames as the log has them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from hexi_contracts.topic import Topic
from hexi_contracts.topics import INVENTORY_SERVER_SET, INVENTORY_SITE, TELEMETRY_FRAME
from hexi_kit.clock import Clock
from hexi_kit.errors import Poison
from hexi_kit.kafka.codec import decode
from hexi_kit.kafka.record import Record
from hexi_kit.testing import faults

from hexi_telemetry.domain.energy.policy import EnergyPolicies
from hexi_telemetry.domain.frame import Frame
from hexi_telemetry.handlers.series import Series
from hexi_telemetry.handlers.sites import KnownSites
from hexi_telemetry.handlers.windows import Windows
from hexi_telemetry.ports.facts import SiteStore
from hexi_telemetry.ports.windows import WindowStore
from hexi_telemetry.stream.recent import RecentFrames
from hexi_telemetry.wire.facts import server_set_facts, site_facts
from hexi_telemetry.wire.frames import frame_of_log

TOPICS = (TELEMETRY_FRAME, INVENTORY_SITE, INVENTORY_SERVER_SET)
Fact = TypeVar("Fact")
SILENCE_MS = 600_000
SILENCE_LOOK_S = 120


class Keepers(NamedTuple):
    """Who keeps what is heard; series keep a minute once it is over, and so read from earlier."""

    windows: WindowStore
    sites: SiteStore
    series: Series


class Inbox:
    """The handler of the one consumer group; knows how far the frame log is taken in."""

    def __init__(
        self,
        keepers: Keepers,
        known: KnownSites,
        recent: RecentFrames,
        energy: EnergyPolicies,
        clock: Clock,
    ) -> None:
        self._windows, self._sites, self._series = keepers
        self._known = known
        self._recent, self._clock = recent, clock
        self._closing = Windows(known, energy)
        self._next: dict[int, int] = {}
        self._poisoned: set[tuple[int, int]] = set()
        self._moved = asyncio.Condition()

    async def remember(self) -> None:
        """Take up what earlier runs heard."""
        await self._known.hear(*await self._sites.load())
        await self._series.remember()

    def go_on_from(self, marks: Mapping[int, int]) -> None:
        """Below these offsets of the frame log only the series still need to hear."""
        self._next = dict(marks)

    def needed_from(self, partition: int, mark: int) -> int:
        """From where the frame log must be read, the windows having all below `mark`."""
        return min(mark, self._series.mark_of(partition))

    async def handle(self, records: list[Record]) -> None:
        """A batch of one topic; each partition's records are in order."""
        match records[0].topic:
            case INVENTORY_SITE.name:
                facts = _each(records, _stored(INVENTORY_SITE, site_facts))
                await self._sites.save_sites(records, facts)
                await self._known.hear(sites=facts)
            case INVENTORY_SERVER_SET.name:
                sets = _each(records, _stored(INVENTORY_SERVER_SET, server_set_facts))
                await self._sites.save_server_sets(records, sets)
                await self._known.hear(server_sets=sets)
            case _:
                await self._take_in(records)

    async def close_silent(self) -> None:
        """Close windows whose sites have fallen silent; runs as long as the process."""
        while True:
            await self._clock.sleep(SILENCE_LOOK_S)
            async with self._windows.begin() as work:
                await self._closing.close_silent(work, self._clock.now_ms() - SILENCE_MS)

    async def caught_up(self, ends: Mapping[int, int]) -> None:
        """Wait until every partition of the frame log is taken in up to `ends`."""

        def is_there() -> bool:
            done = self._next
            return all(self._past(p, done.get(p, 0)) >= end for p, end in ends.items())

        async with self._moved:
            await self._moved.wait_for(is_there)

    def _past(self, partition: int, offset: int) -> int:
        """The first offset from here on that is no dead letter: nobody waits for those."""
        while (partition, offset) in self._poisoned:
            offset += 1
        return offset

    def _frame(self, record: Record) -> Frame:
        known = self._recent.take(record)
        return known or frame_of_log(decode(TELEMETRY_FRAME, record).frame)

    async def _take_in(self, records: list[Record]) -> None:
        try:
            frames = _each(records, self._frame)
        except Poison as poison:
            async with self._moved:
                broken = records[poison.index]
                self._poisoned.add((broken.partition, broken.offset))
                self._moved.notify_all()
            raise
        heard = list(zip(records, frames, strict=True))
        fresh = [(r, f) for r, f in heard if r.offset >= self._next.get(r.partition, 0)]
        if fresh:
            batch = self._closing.gather(frame for _, frame in fresh)
            async with self._windows.begin([record for record, _ in fresh]) as work:
                await self._closing.add(work, batch)
                faults.point("telemetry.before_windows")
            faults.point("telemetry.after_windows")
        for record, frame in heard:
            await self._series.hear(record.partition, record.offset, frame)
        async with self._moved:
            self._next |= {record.partition: record.offset + 1 for record, _ in fresh}
            self._moved.notify_all()


def _stored(topic: Topic, read: Callable[[Any], Fact]) -> Callable[[Record], Fact | None]:
    """Reads the newest of a key; a tombstone has none."""
    return lambda record: None if record.value is None else read(decode(topic, record))


def _each(records: list[Record], read: Callable[[Record], Fact | None]) -> list[Fact]:
    """What the records say; Poison names the first that is broken."""
    found = []
    for index, record in enumerate(records):
        try:
            fact = read(record)
        except Poison as poison:
            raise Poison(poison.reason, index) from poison
        if fact is not None:
            found.append(fact)
    return found
