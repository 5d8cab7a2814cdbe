"""A journal: the decision topic, its owner's pen, and what it says by now, key by key."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from hexi_contracts.topic import Topic

from hexi_kit.clock import Clock
from hexi_kit.identity import Identity
from hexi_kit.journal.appender import JournalAppender
from hexi_kit.journal.reader import Stretch, read_journal
from hexi_kit.kafka.batch import Entry
from hexi_kit.logs import get_logger
from hexi_kit.metrics import counter

Items = Mapping[bytes, bytes]
"""Latest values by key, in the order in which they were last written."""

Recovered = Callable[[int, Items], Awaitable[None] | None]


class Journal:
    """One changelog topic. Owned partitions are in memory; others are not.

    Invariant: the memory of an owned partition is what reading its log from the start would give.
    """

    def __init__(
        self, bootstrap: str, identity: Identity | None, topic: Topic, clock: Clock
    ) -> None:
        self.topic, self._bootstrap, self._identity = topic, bootstrap, identity
        self._clock = clock
        self._appender = JournalAppender(bootstrap, identity, topic, clock)
        self._items: dict[int, dict[bytes, bytes]] = {}
        self._next: dict[int, int] = {}
        self._recovered: list[Recovered] = []
        self._released: list[Callable[[int], None]] = []

    async def start(self) -> None:
        await self._appender.start()

    async def stop(self) -> None:
        await self._appender.stop()

    def on_recover(self, callback: Recovered) -> Recovered:
        """Called with (partition, items) whenever memory was rebuilt from the log."""
        self._recovered.append(callback)
        return callback

    def on_release(self, callback: Callable[[int], None]) -> Callable[[int], None]:
        """Called with the partition when another worker is to own it."""
        self._released.append(callback)
        return callback

    @property
    def partitions(self) -> frozenset[int]:
        return frozenset(self._items)

    def items(self, partition: int) -> Items:
        return self._items[partition]

    async def append(self, partition: int, entries: Sequence[Entry]) -> int:
        """Decide: in the log first, then in memory. The offset of the first entry."""
        return (await self.append_many({partition: entries}))[partition]

    async def append_many(self, entries: Mapping[int, Sequence[Entry]]) -> dict[int, int]:
        """Decide in several partitions with one request; the offset of the first entry of each."""
        offsets = await self._appender.append_many(entries)
        for partition, written in entries.items():
            self._remember(partition, written)
            self._next[partition] = offsets[partition] + len(written)
        return offsets

    async def recover(self, partitions: frozenset[int]) -> None:
        """Own exactly `partitions`, with memory up to date.

        A partition we owned before is claimed again; when our last entry stands directly below the
        new fence nobody else has written, and memory is current. Otherwise the rest is read.
        """
        for partition in sorted(self.partitions - partitions):
            self._release(partition)
        if not partitions:
            return
        began_s = self._clock.real_monotonic_s()
        claims = {p: await self._appender.claim(p) for p in sorted(partitions)}
        behind = {
            p: (self._next.get(p, 0), claim.offset + 1)
            for p, claim in claims.items()
            if p not in self._items or self._next[p] != claim.offset
        }
        for partition in behind:
            self._items.setdefault(partition, {})
        entries = await self._read(behind)
        for partition, claim in claims.items():
            self._next[partition] = claim.offset + 1
        for partition in sorted(behind):
            await self._tell(partition)
        counter("journal.recovered_records").add(entries, {"journal": self.topic.name})
        get_logger().info(
            "journal.recovered",
            journal=self.topic.name,
            partitions=len(claims),
            behind=len(behind),
            entries=entries,
            seconds=round(self._clock.real_monotonic_s() - began_s, 3),
        )

    async def _read(self, behind: Mapping[int, Stretch]) -> int:
        count = 0
        name = self.topic.name
        async for partition, entries in read_journal(self._bootstrap, self._identity, name, behind):
            self._remember(partition, entries)
            count += len(entries)
        return count

    def _remember(self, partition: int, entries: Sequence[Entry]) -> None:
        items = self._items[partition]
        for key, value, *_ in entries:
            items.pop(key, None)  # so that iteration follows the order of writing
            if value is not None:
                items[key] = value

    async def _tell(self, partition: int) -> None:
        for callback in self._recovered:
            answer = callback(partition, self._items[partition])
            if inspect.isawaitable(answer):
                await answer

    def _release(self, partition: int) -> None:
        self._appender.release(partition)
        del self._items[partition]
        self._next.pop(partition, None)
        for callback in self._released:
            callback(partition)


class JournalView(Mapping[bytes, bytes]):
    """What the Faust table holds: the journal's memory over all owned partitions, read-only."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __getitem__(self, key: bytes) -> bytes:
        for partition in sorted(self._journal.partitions):
            value = self._journal.items(partition).get(key)
            if value is not None:
                return value
        raise KeyError(key)

    def __iter__(self) -> Iterator[bytes]:
        for partition in sorted(self._journal.partitions):
            yield from self._journal.items(partition)

    def __len__(self) -> int:
        return sum(len(self._journal.items(p)) for p in self._journal.partitions)
