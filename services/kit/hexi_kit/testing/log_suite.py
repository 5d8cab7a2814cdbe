"""What every log, real or in memory, must do for the consumer stack; the tests stand below it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hexi_contracts.topic import Topic

from hexi_kit.clock import SystemClock
from hexi_kit.errors import Busy, Poison
from hexi_kit.kafka.codec import decode_all
from hexi_kit.kafka.consumer import ConsumerGroup, ConsumerOptions
from hexi_kit.kafka.deadletter import DeadLetterBudget, DeadLetterBudgetExceeded
from hexi_kit.kafka.ports import Handler, Marks, Partition, Publisher, RawRecord
from hexi_kit.kafka.record import Outgoing, Record

DEADLINE_S = 30


def topic_named(name: str, partitions: int = 2) -> Topic:
    return Topic(
        name=name,
        message=StringValue,
        partitions=partitions,
        cleanup="delete",
        retention_ms=-1,
        compaction_lag_ms=0,
        message_bytes_max=1_048_576,
        dead_letter=f"{name}.dlq",
        owner="kit",
        producers=("kit",),
        consumers=("kit",),
    )


@dataclass
class World:
    """One log of either kind."""

    topic: Topic
    publisher: Publisher
    join: Callable[..., ConsumerGroup]
    budget: DeadLetterBudget = field(default_factory=DeadLetterBudget)
    together: bool = False

    def group(
        self, handler: Handler, marks: Marks | None = None, instance_id: str = ""
    ) -> ConsumerGroup:
        chosen = ConsumerOptions(
            "",
            None,
            "readers",
            [self.topic],
            instance_id,
            budget=self.budget,
            together=self.together,
        )
        return self.join(
            chosen, handler, publisher=self.publisher, clock=SystemClock(), marks=marks
        )

    async def publish(self, count: int, first: int = 0) -> None:
        await self.publisher.send_all(
            Outgoing(self.topic, "k", StringValue(value=str(n)), f"e{n}", n % 2)
            for n in range(first, first + count)
        )

    async def publish_garbage(self, partition: int) -> None:
        raw = RawRecord(Partition(self.topic.name, partition), b"k", b"\xff\xff", [("a", b"b")])
        await self.publisher.send_raw(raw)


class Reader:
    """A handler that keeps what it got and lets a test wait for it."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.values: list[int] = []
        self.records: list[Record] = []
        self._grown = asyncio.Condition()

    async def __call__(self, records: list[Record]) -> None:
        if self.topic.name.endswith(".dlq"):
            values = [0] * len(records)
        else:
            values = [int(message.value) for message in decode_all(self.topic, records)]
        async with self._grown:
            self.values.extend(values)
            self.records.extend(records)
            self._grown.notify_all()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE_S), self._grown:
            await self._grown.wait_for(lambda: len(self.records) >= count)


class LogSuite:
    """Inherit, and give a `world` fixture."""

    async def test_records_of_a_partition_arrive_once_and_in_order(self, world: World) -> None:
        reader = Reader(world.topic)
        group = world.group(reader)
        await group.start()

        await world.publish(600)
        await reader.until(600)
        await group.stop()

        assert [v for v in reader.values if v % 2 == 0] == list(range(0, 600, 2))
        assert [v for v in reader.values if v % 2 == 1] == list(range(1, 600, 2))

    async def test_a_restarted_member_goes_on_where_it_stopped(self, world: World) -> None:
        first, second = Reader(world.topic), Reader(world.topic)
        group = world.group(first)
        await group.start()
        await world.publish(10)
        await first.until(10)
        await group.stop()

        group = world.group(second)
        await group.start()
        await world.publish(4, first=10)
        await second.until(4)
        await group.stop()

        assert sorted(second.values) == [10, 11, 12, 13]

    async def test_busy_holds_one_partition_and_the_other_goes_on(self, world: World) -> None:
        reader, released = Reader(world.topic), asyncio.Event()

        async def handler(records: list[Record]) -> None:
            if records[0].partition == 0 and not released.is_set():
                raise Busy("not yet", retry_after_ms=5)
            await reader(records)

        group = world.group(handler)
        await group.start()
        await world.publish(20)
        await reader.until(10)
        assert all(value % 2 for value in reader.values)
        released.set()
        await reader.until(20)
        await group.stop()

        assert [v for v in reader.values if v % 2 == 0] == list(range(0, 20, 2))

    async def test_poison_leaves_with_its_reason_and_the_rest_is_handled(
        self, world: World
    ) -> None:
        reader = Reader(world.topic)
        group = world.group(reader)
        await world.publish(2)
        await world.publish_garbage(0)
        await world.publish(2, first=2)
        await group.start()
        await reader.until(4)
        await group.stop()

        dead = await self.dead_letters(world)

        assert sorted(reader.values) == [0, 1, 2, 3]
        assert len(dead) == 1
        assert (dead[0].key, dead[0].value) == (b"k", b"\xff\xff")
        assert dead[0].headers["a"] == b"b"
        assert dead[0].headers["dlq-source-offset"] == b"1"
        assert b"expected ce_type google.protobuf.StringValue" in dead[0].headers["dlq-reason"]

    async def test_partitions_together_fail_apart(self, world: World) -> None:
        world.together = True
        reader, sizes, busy = Reader(world.topic), list[int](), False

        async def handler(records: list[Record]) -> None:
            nonlocal busy
            sizes.append(len({record.partition for record in records}))
            if sizes[-1] == 1 and records[0].partition == 0 and not busy:
                busy = True
                raise Busy("not yet", retry_after_ms=5)
            await reader(records)

        group = world.group(handler)
        await world.publish(2)
        await world.publish_garbage(1)
        await world.publish(2, first=2)
        await group.start()
        await reader.until(4)
        await world.publish(20, first=4)
        await reader.until(24)
        await group.stop()

        assert [v for v in reader.values if v % 2 == 0] == list(range(0, 24, 2))
        assert [v for v in reader.values if v % 2 == 1] == list(range(1, 24, 2))
        assert len(await self.dead_letters(world)) == 1

    async def dead_letters(self, world: World) -> list[Record]:
        letters = topic_named(world.topic.dead_letter, partitions=1)
        reader = Reader(letters)
        options = ConsumerOptions("", None, "graves", [letters])
        group = world.join(options, reader, publisher=world.publisher, clock=SystemClock())
        await group.start()
        await reader.until(1)
        await group.stop()
        return reader.records

    async def test_more_poison_than_the_budget_stops_the_consumer(self, world: World) -> None:
        world.budget = DeadLetterBudget(count=2, window_s=60)
        crashed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def refuse(records: list[Record]) -> None:
            raise Poison("never")

        group = world.group(refuse)
        await group.start(on_crash=lambda _, reason: crashed.set_result(reason))
        await world.publish(20)
        reason = await asyncio.wait_for(crashed, DEADLINE_S)

        assert "DeadLetterBudgetExceeded" in reason
        with pytest.raises(DeadLetterBudgetExceeded, match="expected at most 2 dead letters"):
            await group.stop()

    async def test_marks_of_a_database_win_over_committed_offsets(self, world: World) -> None:
        reader = Reader(world.topic)

        async def marks(topic: str, partition: int) -> int | None:
            return 3 if partition == 0 else None

        group = world.group(reader, marks=marks)
        await world.publish(10)
        await group.start()
        await reader.until(7)
        await group.stop()

        assert sorted(reader.values) == [1, 3, 5, 6, 7, 8, 9]

    async def test_two_members_share_and_the_rest_takes_over(self, world: World) -> None:
        one, two, all_of_it = Reader(world.topic), Reader(world.topic), Reader(world.topic)

        async def first(records: list[Record]) -> None:
            await one(records)
            await all_of_it(records)

        async def second(records: list[Record]) -> None:
            await two(records)
            await all_of_it(records)

        groups = [world.group(first), world.group(second)]
        await groups[0].start()
        await world.publish(10)
        await all_of_it.until(10)
        await groups[1].start()
        await world.publish(200, first=10)
        await all_of_it.until(210)
        await groups[0].stop()
        await world.publish(100, first=210)
        await all_of_it.until(310)
        await groups[1].stop()

        assert sorted(set(all_of_it.values)) == list(range(310))
        assert two.values
