"""A Faust consumer that hands every offset of a guarded topic to its agent, in order.

Faust-streaming 0.15.3 loses messages around a recovery, in three steps. Its drain loop notes how
far it has read after the callback returns, so a seek back in between is overwritten by the older,
higher value, and what is fetched again counts as read. `getmany` drops what it still holds when the
flow stops or the generation changes, though the fetch position is past it. The hole is then filled
with acknowledged offsets, and the loss is committed.

Here we read ourselves, on the worker's own loop, from the next offset of each guarded partition:
what was not handed over is simply asked for again. Faust's thread keeps the membership, whose
heartbeats go on while the loop is at work, and commits; records that cross from its loop to ours
cost both a dozen turns each. And a message of an old generation is never acknowledged: its offset
would be committed for a successor that has not seen it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Set
from typing import Any

from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from hexi_kit.kafka.fetching import fetch_nothing
from hexi_kit.kafka.log_reader import LogReader
from hexi_kit.kafka.ports import Partition
from hexi_kit.kafka.session import FetchLimits
from hexi_kit.kafka.topic_reader import Fetched
from hexi_kit.logs import get_logger
from hexi_kit.metrics import counter

PAUSE_S = 0.05
MIB = 1024 * 1024
# Small, so that no topic's backlog holds up another's newest; a larger message comes alone.
LIMITS = FetchLimits(partition_bytes=MIB, bytes=4 * MIB)


class _Thread(driver.AIOKafkaConsumerThread):
    """Faust's thread of a consumer, which keeps the membership and reads nothing."""

    async def on_start(self) -> None:
        await super().on_start()
        fetch_nothing(self._consumer)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """It would miss fetches that it never makes."""


class GaplessConsumer(driver.Consumer):
    """Reads the topics that `app.guarded` names, and no others."""

    app: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        options = self.app.options
        self._next: dict[TP, int] = {}
        self._reader = LogReader(
            options.bootstrap,
            options.identity,
            self.app.guarded,
            options.instance_id,
            LIMITS,
        )

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def on_start(self) -> None:
        await self._reader.open()
        await super().on_start()

    async def on_stop(self) -> None:
        await super().on_stop()
        await self._reader.close()

    async def _drain_messages(self, fetcher: Any) -> None:
        """Hand over what a fetch brought in one go.

        Faust's own loop makes two tasks per message, and so takes as many turns as there are
        messages: under load each of them waits behind a stage at work.
        """
        try:
            while not (self.should_stop or fetcher.should_stop):
                async for _, message in self.getmany(LIMITS.wait_max_ms / 1_000):
                    await self.callback(message)
        except (asyncio.CancelledError, ConsumerStoppedError):
            if not self.app.should_stop:
                raise
        except Exception as error:
            # Faust would log it, and the worker stand still for ever.
            self.app.options.on_fatal(error)
            raise

    async def perform_seek(self) -> None:
        await super().perform_seek()
        self._next = {
            tp: offset or 0
            for tp, offset in self._read_offset.items()
            if tp.topic in self.app.guarded
        }

    async def _seek(self, partition: TP, offset: int) -> None:
        self._next[TP(partition.topic, partition.partition)] = offset
        await super()._seek(partition, offset)

    def ack(self, message: Any) -> bool:
        if message.generation_id != self.app.consumer_generation_id:
            message.acked = True
            return False
        return bool(super().ack(message))

    async def _getmany(self, active_partitions: Set[TP] | None, timeout: float) -> Any:
        """What the guarded ones of these partitions have from their next offsets on.

        `timeout` is that of the session.
        """
        owned = [tp for tp in active_partitions or () if tp in self._next]
        if not owned:
            await self.sleep(PAUSE_S)
            return {}
        found = await self._reader.read({_partition(tp): self._next[tp] for tp in owned})
        return {TP(*partition): one for partition, one in found.items()}

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        found: Any
        found, _ = await self._wait_next_records(timeout)
        if not found or self.should_stop:
            return
        if not self.flow_active:
            await self.perform_seek()
            return
        generation = self.app.consumer_generation_id
        records = {
            tp: _messages(tp, one, generation)
            for tp, one in found.items()
            if one.asked == self._next.get(tp)
        }
        for tp, message in self.scheduler.iterate(records):
            if not self.flow_active or generation != self.app.consumer_generation_id:
                return
            self._next[tp] = message.offset + 1
            self._read_offset[tp] = message.offset
            yield tp, message
        gone = {tp: one.asked for tp, one in found.items() if one.is_gone}
        if gone:
            await self._begin_anew(gone)

    async def _begin_anew(self, gone: Mapping[TP, int]) -> None:
        """Go on behind what is no longer kept."""
        begins = await self._reader.begins(map(_partition, gone))
        for tp, expected in gone.items():
            first = begins.get(_partition(tp), expected)
            if self._next.get(tp) != expected:
                continue
            if first > expected:
                _report_lost(tp, first - expected)
                self._next[tp] = first
            else:
                where = {"topic": tp.topic, "partition": tp.partition, "expected": expected}
                get_logger().error("commands.log_ends_before", **where)
                await self.sleep(PAUSE_S)


def _partition(tp: TP) -> Partition:
    return Partition(tp.topic, tp.partition)


def _report_lost(tp: TP, lost: int) -> None:
    """Nobody read them for as long as they are kept: no seek brings them back."""
    get_logger().error("commands.retention_took", topic=tp.topic, partition=tp.partition, lost=lost)
    counter("journal.commands_lost").add(lost, {"topic": tp.topic})


def _messages(tp: TP, found: Fetched, generation: int) -> list[ConsumerMessage]:
    return [
        ConsumerMessage(
            tp.topic,
            tp.partition,
            record.offset,
            record.timestamp_ms / 1_000,
            0,
            record.headers,
            record.key,
            record.value,
            None,
            tp=tp,
            generation_id=generation,
        )
        for record in found.records(_partition(tp))
    ]


class GaplessTransport(driver.Transport):
    """The aiokafka transport with that consumer."""

    Consumer = GaplessConsumer
