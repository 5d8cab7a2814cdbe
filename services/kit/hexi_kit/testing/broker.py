"""A broker in memory: partitions, groups, committed offsets, rebalances; no network, no clock."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hexi_kit.kafka.ports import Listener, Partition, RawRecord
from hexi_kit.kafka.record import Record


@dataclass(slots=True)
class _Group:
    """Members in order of joining own partitions round robin."""

    members: list[Member] = field(default_factory=list)
    committed: dict[Partition, int] = field(default_factory=dict)


class FakeBroker:
    """Holds logs and groups of one test. Topics exist from their first mention."""

    def __init__(self, partitions: Mapping[str, int]) -> None:
        self._partitions = dict(partitions)
        self._logs: dict[Partition, list[Record]] = defaultdict(list)
        self._groups: dict[str, _Group] = defaultdict(_Group)
        self._grown = asyncio.Condition()

    async def append(self, raw: RawRecord, timestamp_ms: int) -> int:
        """Add one record; its offset."""
        log = self._logs[raw.partition]
        topic, number = raw.partition
        headers = dict(raw.headers)
        log.append(Record(topic, number, len(log), raw.key, raw.value, headers, timestamp_ms))
        async with self._grown:
            self._grown.notify_all()
        return len(log) - 1

    def records(self, topic: str) -> list[Record]:
        """Everything ever appended to a topic, by partition, then offset."""
        found = sorted(partition for partition in self._logs if partition.topic == topic)
        return [record for partition in found for record in self._logs[partition]]

    def read(self, partition: Partition, offset: int, count: int) -> list[Record]:
        return self._logs[partition][offset : offset + count]

    def committed(self, group: str, partition: Partition) -> int:
        return self._groups[group].committed.get(partition, 0)

    def commit(self, group: str, next_offsets: Mapping[Partition, int]) -> None:
        self._groups[group].committed.update(next_offsets)

    async def wait_for_growth(self, timeout_s: float) -> None:
        async with self._grown:
            try:
                await asyncio.wait_for(self._grown.wait(), timeout_s)
            except TimeoutError:
                return

    async def join(self, group: str, member: Member) -> None:
        await self._rebalance(group, [*self._groups[group].members, member])

    async def leave(self, group: str, member: Member) -> None:
        left = [other for other in self._groups[group].members if other is not member]
        await self._rebalance(group, left)

    async def _rebalance(self, name: str, members: list[Member]) -> None:
        """All let go, then all take: nobody handles while another may still commit."""
        group = self._groups[name]
        for member in group.members:
            await member.listener.on_revoked(sorted(member.partitions))
            member.take([])
        group.members = members
        topics = sorted({topic for member in members for topic in member.topics})
        everything = [Partition(t, n) for t in topics for n in range(self._partitions[t])]
        for place, member in enumerate(members):
            member.take(everything[place :: len(members)])
            for partition in member.partitions:
                member.positions[partition] = self.committed(name, partition)
            await member.listener.on_assigned(sorted(member.partitions))


class Member:
    """What the broker knows of one consumer."""

    def __init__(self, topics: Sequence[str], listener: Listener) -> None:
        self.topics, self.listener = tuple(topics), listener
        self.positions: dict[Partition, int] = {}
        self.paused: set[Partition] = set()

    @property
    def partitions(self) -> frozenset[Partition]:
        return frozenset(self.positions)

    def take(self, partitions: Sequence[Partition]) -> None:
        self.positions = dict.fromkeys(partitions, 0)
        self.paused.clear()
