"""Appends to any partition, each entry once and in the order in which it was handed in.

What is handed in while a batch travels makes the next batch of its partition; partitions wait for
nobody but themselves. Entries carry the real time, events (`ce_time`) the project's: the broker
refuses timestamps far from its own, and a scaled clock runs away from it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Mapping, Sequence
from itertools import chain
from typing import Any

from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
)

from hexi_kit.clock import Clock
from hexi_kit.identity import Identity
from hexi_kit.kafka.batch import Batch, EntryTooLarge, Raw, build_batches
from hexi_kit.kafka.ports import Partition
from hexi_kit.kafka.produce_client import SEQUENCES, Answer, ProduceClient
from hexi_kit.kafka.transient import is_transient
from hexi_kit.metrics import counter

BATCH_BYTES = 512 * 1024
ENTRY_BYTES_MAX = 9 * 1024 * 1024  # the largest topic takes 8 MiB a message
GIVE_UP_AFTER_S = 15.0
RETRY_BACKOFF_S = 0.05
# The broker knows this producer no longer, or not in this state; it has refused the batch.
FORGOTTEN = (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    OutOfOrderSequenceNumber,
    ProducerFenced,
)


class _Lane:
    """One partition: who writes to it, what waits for the next batch, and for whom."""

    def __init__(self) -> None:
        self.producer: tuple[int, int] | None = None
        self.sequence = 0
        self.travels = False
        self.waiting: list[Sequence[Raw]] = []
        self.waiters: list[asyncio.Future[None]] = []


class _Load:
    """What travels to one partition."""

    def __init__(self, lane: _Lane) -> None:
        self.lane, self.waiters = lane, lane.waiters
        self.entries = list(chain.from_iterable(lane.waiting))
        self.batches: list[Batch] = []
        lane.waiting, lane.waiters, lane.travels = [], [], True

    def pack(self) -> None:
        """
        Raises:
            EntryTooLarge: no topic takes so much.
        """
        self.batches = build_batches(self.entries, BATCH_BYTES, ENTRY_BYTES_MAX)

    def advance(self) -> None:
        """The first batch is written."""
        self.lane.sequence = (self.lane.sequence + self.batches.pop(0).count) % SEQUENCES

    def settle(self, error: BaseException | None) -> None:
        """Tell who waited; some may be gone."""
        for waiter in self.waiters:
            if not waiter.done() and error is None:
                waiter.set_result(None)
            elif not waiter.done() and error is not None:
                waiter.set_exception(error)


class LogWriter:
    """Open, add as often as you like, close."""

    def __init__(self, bootstrap: str, identity: Identity | None, name: str, clock: Clock) -> None:
        self._link = ProduceClient(bootstrap, identity, (), name)
        self._clock = clock
        self._producer: tuple[int, int] | None = None
        self._lanes: defaultdict[Partition, _Lane] = defaultdict(_Lane)
        self._ready: dict[Partition, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_open = self._leaves = False

    async def open(self) -> None:
        await self._link.open()
        self._is_open = True

    async def close(self) -> None:
        """What was handed in is written first, or given up."""
        self._is_open = False
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._link.close()

    def add(self, partition: Partition, entries: Sequence[Raw]) -> asyncio.Future[None]:
        """Done when the broker has them all; a KafkaError when it did not take them in time.

        Then some may be on the log. Entries that share a batch share what becomes of it.
        """
        if not self._is_open:
            raise RuntimeError("expected an open log, was not opened, or closed")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lane = self._lanes[partition]
        lane.waiting.append(entries)
        lane.waiters.append(done)
        self._call(partition, lane)
        return done

    def _call(self, partition: Partition, lane: _Lane) -> None:
        if lane.waiting and not lane.travels:
            self._ready[partition] = lane
            if not self._leaves:
                self._leaves = True
                self._spawn(self._leave())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="writing to the log")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _leave(self) -> None:
        """Who is ready travels by leader, so that none who is away holds up the others."""
        self._leaves = False
        ready, self._ready = self._ready, {}
        by_leader: defaultdict[int | None, dict[Partition, _Load]] = defaultdict(dict)
        for partition, lane in ready.items():
            by_leader[self._link.leader(partition)][partition] = _Load(lane)
        first, *others = by_leader.values()
        for loads in others:
            self._spawn(self._travel(loads))
        await self._travel(first)

    async def _travel(self, loads: dict[Partition, _Load]) -> None:
        try:
            await self._deliver(loads)
        except Exception as error:  # noqa: BLE001  # handed to those who wait
            for partition in list(loads):
                self._forget(loads[partition])
                self._land(partition, loads.pop(partition), error)

    async def _deliver(self, loads: dict[Partition, _Load]) -> None:
        for topic in {partition.topic for partition in loads}:
            await self._link.know(topic)
        for partition in list(loads):
            try:
                loads[partition].pack()
            except EntryTooLarge as error:
                self._land(partition, loads.pop(partition), error)
        give_up_s = self._clock.real_monotonic_s() + GIVE_UP_AFTER_S
        while loads:
            answers = await self._ask(loads)
            in_time = self._clock.real_monotonic_s() < give_up_s
            failed = False
            for partition, answer in answers.items():
                load = loads[partition]
                if answer.is_written:
                    load.advance()
                    if not load.batches:
                        self._land(partition, loads.pop(partition))
                    continue
                again = in_time and is_transient(answer.error)
                if not again:
                    self._forget(load)
                if again or (in_time and issubclass(answer.error, FORGOTTEN)):
                    failed = True
                else:
                    self._land(partition, loads.pop(partition), answer.error(str(partition)))
            if failed:
                await self._link.refresh(RETRY_BACKOFF_S)

    def _forget(self, load: _Load) -> None:
        """Nobody knows which number comes next; a wrong one is taken for a batch sent again."""
        load.lane.producer = self._producer = None

    def _land(self, partition: Partition, load: _Load, error: BaseException | None = None) -> None:
        load.settle(error)
        load.lane.travels = False
        if error is None:
            produced = counter("kafka.records_produced")
            produced.add(len(load.entries), {"topic": partition.topic})
        self._call(partition, load.lane)

    async def _ask(self, loads: Mapping[Partition, _Load]) -> dict[Partition, Answer]:
        try:
            heads = {p: await self._head(load) for p, load in loads.items()}
        except KafkaError as error:
            return {partition: Answer(type(error)) for partition in loads}
        return await self._link.produce(heads)

    async def _head(self, load: _Load) -> bytes:
        lane = load.lane
        if lane.producer is None:
            if self._producer is None:
                self._producer = await self._link.init_producer()
            lane.producer, lane.sequence = self._producer, 0
        return load.batches[0].stamp(*lane.producer, lane.sequence)
