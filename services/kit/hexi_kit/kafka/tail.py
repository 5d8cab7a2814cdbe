"""Reads whole topics from their beginning and stays at the end: for memories rebuilt at start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from hexi_contracts.topic import Topic

from hexi_kit.clock import SystemClock
from hexi_kit.identity import Identity
from hexi_kit.kafka.connection import client_options
from hexi_kit.kafka.fetching import ask_again_soon

POLL_TIMEOUT_MS = 1_000
POLL_RECORDS_MAX = 4_000
FETCH_WAIT_MAX_MS = 500

Apply = Callable[[str, Sequence["ConsumerRecord[bytes | None, bytes | None]"]], None]


class LogTail:
    """Hands every record of `topics`, batch by batch, to `apply(topic, records)`.

    It belongs to no group and commits nothing: each start reads from the beginning. `caught_up`
    is set once everything that stood in the topics at the start has been applied. From then on it
    rests `rest_s` behind each batch: many small fetches cost the broker more than their records.
    """

    def __init__(
        self,
        bootstrap: str,
        identity: Identity | None,
        topics: Sequence[Topic],
        apply: Apply,
        rest_s: float = 0.0,
    ) -> None:
        self._options: dict[str, Any] = client_options(bootstrap, identity)
        self._topics = topics
        self._apply, self._rest_s = apply, rest_s
        self.caught_up = asyncio.Event()

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Reads beside the body, which begins once all is caught up; what ends reading ends both.

        For owners without a Lifecycle: a task on its own would end in silence.
        """
        owner = asyncio.current_task()
        assert owner is not None
        reading = asyncio.create_task(self.run(), name="log tail")

        def tell(_: asyncio.Task[None]) -> None:
            owner.cancel()

        reading.add_done_callback(tell)
        try:
            await self.caught_up.wait()
            yield
        except asyncio.CancelledError:
            if not reading.done():
                raise
            owner.uncancel()
        finally:
            reading.remove_done_callback(tell)
            reading.cancel()
            await asyncio.wait([reading])
        if not reading.cancelled():
            reading.result()

    async def run(self) -> None:
        consumer: AIOKafkaConsumer = AIOKafkaConsumer(
            **self._options,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=FETCH_WAIT_MAX_MS,
        )
        await consumer.start()
        ask_again_soon(consumer)
        try:
            partitions = [
                TopicPartition(topic.name, index)
                for topic in self._topics
                for index in range(topic.partitions)
            ]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            left = {tp: end for tp, end in (await consumer.end_offsets(partitions)).items() if end}
            while True:
                await self._step(consumer, left)
        finally:
            await consumer.stop()

    async def _step(self, consumer: AIOKafkaConsumer, left: dict[TopicPartition, int]) -> None:
        batches = await consumer.getmany(
            timeout_ms=50 if left else POLL_TIMEOUT_MS, max_records=POLL_RECORDS_MAX
        )
        for tp, records in batches.items():
            self._apply(tp.topic, records)
        if self.caught_up.is_set():
            if batches and self._rest_s:
                await SystemClock().sleep(self._rest_s)
            return
        # Positions, not records: compaction can take the last record of a partition away.
        for tp in [tp for tp, end in left.items() if await consumer.position(tp) >= end]:
            del left[tp]
        if not left:
            self.caught_up.set()
