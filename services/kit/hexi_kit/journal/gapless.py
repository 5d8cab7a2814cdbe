"""A Faust consumer that hands every offset of a guarded topic to its agent, in order.

Faust-streaming 0.15.3 loses messages around a recovery, in three steps. Its drain loop notes how
far it has read after the callback returns, so a seek back in between is overwritten by the older,
higher value, and what is fetched again counts as read. `getmany` drops what it still holds when the
flow stops or the generation changes, though the fetch position is past it. The hole is then filled
with acknowledged offsets, and the loss is committed.

Here the loop is our own, the next offset of each guarded partition is kept apart, every record is
compared with it, and a hole is met by seeking back. And a message of an old generation is never
acknowledged: its offset would be committed for a successor that has not seen it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from hexi_kit.kafka.fetching import ask_again_soon
from hexi_kit.logs import get_logger
from hexi_kit.metrics import counter

GETMANY_TIMEOUT_S = 1.0


class _Thread(driver.AIOKafkaConsumerThread):
    """Faust's thread of a consumer, which answers soon when it left partitions out."""

    app: Any

    async def on_start(self) -> None:
        await super().on_start()
        ask_again_soon(self._consumer, untaken=self.app.journals)


class GaplessConsumer(driver.Consumer):
    """Guards the topics that `app.guarded` names: not compacted, so their offsets have no holes."""

    app: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._next: dict[TP, int] = {}

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def _drain_messages(self, fetcher: Any) -> None:
        """Hand over what a fetch brought in one go.

        Faust's own loop makes two tasks per message, and so takes as many turns as there are
        messages: under load each of them waits behind a stage at work.
        """
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self.sleep(0)
                async for _, message in self.getmany(GETMANY_TIMEOUT_S):
                    await self.callback(message)
        except (asyncio.CancelledError, ConsumerStoppedError):
            if not self.app.should_stop:
                raise

    async def perform_seek(self) -> None:
        await super().perform_seek()
        self._next = {
            tp: offset or 0 for tp, offset in self._read_offset.items() if self._is_guarded(tp)
        }

    async def _seek(self, partition: TP, offset: int) -> None:
        self._next[TP(partition.topic, partition.partition)] = offset
        await super()._seek(partition, offset)

    def ack(self, message: Any) -> bool:
        if message.generation_id != self.app.consumer_generation_id:
            message.acked = True
            return False
        return bool(super().ack(message))

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        records, _ = await self._wait_next_records(timeout)
        if not records or self.should_stop:
            return
        if not self.flow_active:
            await self.perform_seek()
            return
        generation = self.app.consumer_generation_id
        missed: dict[TP, int] = {}
        for raw_tp, record in self.scheduler.iterate(records):
            tp = TP(raw_tp.topic, raw_tp.partition)
            stale = not self.flow_active or generation != self.app.consumer_generation_id
            if not self._is_guarded(tp):
                if not stale:
                    yield tp, self._to_message(tp, record)
                continue
            expected = self._next.get(tp, record.offset)
            if record.offset < expected:
                continue
            if stale or tp in missed or record.offset > expected:
                missed.setdefault(tp, expected)
                continue
            self._next[tp] = record.offset + 1
            self._read_offset[tp] = record.offset
            yield tp, self._to_message(tp, record)
        await self._seek_back(missed, generation)

    async def _seek_back(self, missed: dict[TP, int], generation: int) -> None:
        """After a rebalance there is nothing to repair: it seeks by itself."""
        begins = await self.earliest_offsets(*missed) if missed else {}
        for tp, expected in missed.items():
            if generation == self.app.consumer_generation_id and self._next.get(tp) == expected:
                first = begins.get(tp, 0)
                if first > expected:
                    # Nobody read them for as long as they are kept: no seek brings them back.
                    lost = {"topic": tp.topic, "partition": tp.partition, "lost": first - expected}
                    get_logger().error("commands.retention_took", **lost)
                    counter("journal.commands_lost").add(first - expected, {"topic": tp.topic})
                await self._seek(tp, max(first, expected))

    def _is_guarded(self, tp: TP) -> bool:
        return tp.topic in self.app.guarded


class GaplessTransport(driver.Transport):
    """The aiokafka transport with that consumer."""

    Consumer = GaplessConsumer
