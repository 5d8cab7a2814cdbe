"""The real consumer stack over a broker in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hexi_kit.kafka.consumer import ConsumerGroup, ConsumerOptions
from hexi_kit.kafka.ports import Handler, Listener, Partition
from hexi_kit.kafka.record import Record
from hexi_kit.testing.broker import FakeBroker, Member


class FakeSource:
    """A member of a group of a FakeBroker."""

    def __init__(
        self, broker: FakeBroker, group: str, topics: Sequence[str], records_max: int = 2_000
    ) -> None:
        self._broker, self._group, self._topics = broker, group, topics
        self._records_max = records_max
        self._member: Member | None = None

    async def start(self, listener: Listener) -> None:
        self._member = Member(self._topics, listener)
        await self._broker.join(self._group, self._member)

    async def stop(self) -> None:
        if self._member is not None:
            await self._broker.leave(self._group, self._member)

    async def poll(self, timeout_ms: int) -> Mapping[Partition, list[Record]]:
        found = self._read()
        if not found:
            await self._broker.wait_for_growth(timeout_ms / 1000)
            found = self._read()
        return found

    def _read(self) -> dict[Partition, list[Record]]:
        found: dict[Partition, list[Record]] = {}
        member = self._live()
        room = self._records_max
        for partition in sorted(member.partitions - member.paused):
            records = self._broker.read(partition, member.positions[partition], room)
            if records:
                found[partition] = records
                member.positions[partition] = records[-1].offset + 1
                room -= len(records)
        return found

    async def position(self, partition: Partition) -> int:
        return self._live().positions[partition]

    def assigned(self) -> frozenset[Partition]:
        return self._live().partitions

    def seek(self, partition: Partition, offset: int) -> None:
        self._live().positions[partition] = offset

    def pause(self, partition: Partition) -> None:
        self._live().paused.add(partition)

    def resume(self, partition: Partition) -> None:
        self._live().paused.discard(partition)

    async def commit(self, next_offsets: Mapping[Partition, int]) -> None:
        ours = {p: n for p, n in next_offsets.items() if p in self.assigned()}
        self._broker.commit(self._group, ours)

    def _live(self) -> Member:
        if self._member is None:
            raise RuntimeError("the consumer is not started")
        return self._member


def FakeConsumer(  # noqa: N802  # stands where a class of that name would
    broker: FakeBroker, options: ConsumerOptions, handler: Handler, **rest: Any
) -> ConsumerGroup:
    """A ConsumerGroup that reads from `broker`."""
    topics = [topic.name for topic in options.topics]
    source = FakeSource(broker, options.group, topics, options.batch_max * 4)
    return ConsumerGroup(options, handler, source=source, **rest)
