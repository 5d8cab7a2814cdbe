"""The one consumer group of telemetry, and how its start waits for the end of the frame log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from hexi_contracts.topics import TELEMETRY_FRAME
from hexi_kit.clock import SystemClock
from hexi_kit.db.inbox import marks_of
from hexi_kit.identity import Identity
from hexi_kit.kafka.connection import client_options
from hexi_kit.kafka.consumer import ConsumerGroup, ConsumerOptions
from hexi_kit.kafka.ports import Publisher
from hexi_kit.logs import get_logger

from hexi_telemetry.stream.inbox import TOPICS, Inbox

GROUP = "telemetry.inbox"
# A frame is up to half a megabyte: few at a time keep the memory small.
BATCH_MAX = 64
# The marks in the database say where to go on; what the group has committed is for onlookers.
COMMIT_INTERVAL_MS = 5_000
# Frames of a hundred sites cost a transaction a turn: nobody needs a rollup sooner than this.
TURN_MS_MIN = 400
CATCH_UP_TIMEOUT_S = 120.0


class FrameConsumer:
    """Start returns once the ledger has everything that stood on the log before the start."""

    def __init__(
        self,
        bootstrap: str,
        identity: Identity | None,
        inbox: Inbox,
        publisher: Publisher,
        pool: asyncpg.Pool[Any],
    ) -> None:
        self._bootstrap, self._identity, self._inbox = bootstrap, identity, inbox
        self._kept_marks = marks_of(pool)
        options = ConsumerOptions(
            bootstrap,
            identity,
            GROUP,
            TOPICS,
            instance_id="telemetry",
            batch_max=BATCH_MAX,
            commit_interval_ms=COMMIT_INTERVAL_MS,
            turn_ms_min=TURN_MS_MIN,
            together=True,
        )
        self._group = ConsumerGroup(
            options, inbox.handle, publisher=publisher, clock=SystemClock(), marks=self._marks
        )

    async def start(self, on_crash: Callable[[str, str], None]) -> None:
        await self._inbox.remember()
        ends = await log_ends(self._bootstrap, self._identity)
        name = TELEMETRY_FRAME.name
        marks = {partition: await self._kept_marks(name, partition) or 0 for partition in ends}
        self._inbox.go_on_from(marks)
        await self._group.start(on_crash)
        async with asyncio.timeout(CATCH_UP_TIMEOUT_S):
            await self._inbox.caught_up(ends)
        behind = sum(max(0, end - marks[partition]) for partition, end in ends.items())
        get_logger().info("ledger.caught_up", records=behind)

    async def _marks(self, topic: str, partition: int) -> int:
        # A database without a mark has heard nothing, whatever the group has committed.
        mark = await self._kept_marks(topic, partition) or 0
        is_frames = topic == TELEMETRY_FRAME.name
        return self._inbox.needed_from(partition, mark) if is_frames else mark

    async def stop(self) -> None:
        await self._group.stop()


async def log_ends(bootstrap: str, identity: Identity | None) -> dict[int, int]:
    """End offset of each partition that still holds records; empty ones need no catching up."""
    consumer = AIOKafkaConsumer(**client_options(bootstrap, identity))
    await consumer.start()
    try:
        name = TELEMETRY_FRAME.name
        partitions = [TopicPartition(name, n) for n in range(TELEMETRY_FRAME.partitions)]
        begins = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
    finally:
        await consumer.stop()
    return {tp.partition: end for tp, end in ends.items() if begins[tp] < end}
