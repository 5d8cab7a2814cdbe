"""The consumer stack, in the order a record passes it.

1. poll       the source brings records of our partitions, at most `batch_max` a handler call
2. handle     the handler gets one partition's records in order; it decodes, decides, stores.
              With `together` it gets those of all partitions of a topic, each in order, and only
              if that fails each partition alone: one transaction instead of sixteen.
3. verdicts   done: on. Busy: the batch is held, its partition paused, the others go on.
              Poison: that record becomes a dead letter, the rest is handled again without it.
              Anything else is a bug and ends the process.
4. commit     only what is done. A crash before this line repeats records, it loses none.

Handling stands inside one lock, so that a rebalance waits for the batch in hand and commits it;
a batch polled before a rebalance is never handled after it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hexi_contracts.topic import Topic

from hexi_kit.clock import Clock
from hexi_kit.errors import Busy, Poison
from hexi_kit.identity import Identity
from hexi_kit.journal.ownership import is_fence
from hexi_kit.kafka.deadletter import DeadLetterBudget, DeadLetters
from hexi_kit.kafka.pieces import Batch, pieces
from hexi_kit.kafka.ports import Handler, Marks, Partition, Publisher, RecordSource
from hexi_kit.kafka.record import Record
from hexi_kit.kafka.source import GroupOptions, KafkaSource
from hexi_kit.logs import get_logger
from hexi_kit.metrics import counter, histogram

BACKOFF_MAX_MS = 30_000
BACKOFF_DOUBLINGS_MAX = 4
JOIN_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class ConsumerOptions:
    """What a group reads and how; `instance_id` makes a restarted member rejoin at once.

    `turn_ms_min` lets records gather while they come thick: a turn that brought some begins no
    sooner after the last one. `together` asks for a handler that is atomic over all its records.
    """

    bootstrap: str
    identity: Identity | None
    group: str
    topics: Sequence[Topic]
    instance_id: str = ""
    batch_max: int = 500
    poll_timeout_ms: int = 1_000
    commit_interval_ms: int = 0
    turn_ms_min: int = 0
    together: bool = False
    budget: DeadLetterBudget = field(default_factory=DeadLetterBudget)


@dataclass(slots=True)
class _Held:
    """A batch whose handler said Busy."""

    records: list[Record]
    attempts: int
    due_s: float


class ConsumerGroup:
    """One member of a group. `run` for a process, `start` and `stop` for a test.

    Invariant: an offset is committed only after every record below it was handled or dead-lettered.
    """

    def __init__(
        self,
        options: ConsumerOptions,
        handler: Handler,
        *,
        publisher: Publisher,
        clock: Clock,
        marks: Marks | None = None,
        source: RecordSource | None = None,
    ) -> None:
        self._options, self._handler, self._clock, self._marks = options, handler, clock, marks
        self._source = source or KafkaSource(_group_options(options))
        self._dead_letters = DeadLetters(
            {topic.name: topic for topic in options.topics},
            options.group,
            publisher,
            clock,
            options.budget,
        )
        self._lock = asyncio.Lock()
        self._held: dict[Partition, _Held] = {}
        self._done: dict[Partition, int] = {}
        self._generation = 0
        self._committed_s = 0.0
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Consume until cancelled, or until something happens that must end the process."""
        await self.start()
        task = self._task
        assert task is not None
        try:
            await asyncio.shield(task)
        finally:
            await self.stop()

    async def start(self, on_crash: Callable[[str, str], None] | None = None) -> None:
        """Join and consume in the background; a crash is logged, told, and raised by `stop`."""
        await self._source.start(self)
        self._task = asyncio.create_task(self._loop(), name=f"consumer {self._options.group}")

        def ended(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                get_logger().error("consumer.crashed", group=self._options.group, exc_info=error)
                if on_crash is not None:
                    on_crash(self._options.group, repr(error))

        self._task.add_done_callback(ended)

    async def stop(self) -> None:
        """Let the batch in hand end, commit, leave; raises what crashed the consumer."""
        self._closing = True
        task, self._task = self._task, None
        try:
            if task is not None:
                # Inside the lock a batch is in hand; outside it only a poll is cut short.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(JOIN_TIMEOUT_S), self._lock:
                        pass
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        finally:
            await self._source.stop()

    async def on_revoked(self, partitions: Sequence[Partition]) -> None:
        async with self._lock:
            await self._commit()
            self._generation += 1
            self._held.clear()
            self._done.clear()

    async def on_assigned(self, partitions: Sequence[Partition]) -> None:
        if self._marks is None:
            return
        for partition in partitions:
            next_offset = await self._marks(partition.topic, partition.number)
            if next_offset is not None:
                self._source.seek(partition, next_offset)

    async def _loop(self) -> None:
        try:
            while not self._closing:
                began_s = self._clock.real_monotonic_s()
                await self._turn()
                due_s = began_s + self._options.turn_ms_min / 1_000
                if (left_s := due_s - self._clock.real_monotonic_s()) > 0:
                    await self._clock.sleep(left_s)
        finally:
            async with self._lock:
                await self._commit()

    async def _turn(self) -> None:
        generation = self._generation
        batches = await self._source.poll(self._poll_timeout_ms())
        if generation != self._generation:
            await self._put_back(batches)
            return
        for batch in pieces(batches, self._options.batch_max, self._options.together):
            async with self._lock:
                if self._closing or generation != self._generation:
                    return
                await self._offer(batch)
        await self._retry_held(generation)
        if self._commit_is_due():
            async with self._lock:
                await self._commit()

    async def _offer(self, batch: Batch) -> None:
        """A held partition may still bring the rest of a poll: it queues behind."""
        free = {p: records for p, records in batch.items() if p not in self._held}
        for partition in batch.keys() - free.keys():
            self._held[partition].records.extend(batch[partition])
        if len(free) > 1 and await self._is_done_together(free):
            return
        for partition, records in free.items():
            await self._handle(partition, records, attempts=0)

    async def _is_done_together(self, batch: Batch) -> bool:
        """Whose record it was that failed is found by handling each partition alone."""
        records = [r for records in batch.values() for r in records if not is_fence(r.key)]
        try:
            if records:
                await self._do(records)
        except (Busy, Poison):
            return False
        self._done |= {p: records[-1].offset + 1 for p, records in batch.items()}
        return True

    async def _do(self, records: list[Record]) -> None:
        began_s, whose = self._clock.real_monotonic_s(), {"group": self._options.group}
        await self._handler(records)
        elapsed_ms = (self._clock.real_monotonic_s() - began_s) * 1_000
        histogram("kafka.handle_ms").record(elapsed_ms, whose)
        counter("kafka.records_consumed").add(len(records), whose)

    async def _handle(self, partition: Partition, records: list[Record], attempts: int) -> None:
        next_offset = records[-1].offset + 1
        # Where a journal is read by others, its owners' fences are no news to them.
        records = [record for record in records if not is_fence(record.key)]
        while records:
            try:
                await self._do(records)
            except Busy as busy:
                self._hold(partition, records, attempts, busy)
                return
            except Poison as poison:
                if self._closing:
                    return  # a handler that is being torn down must not condemn a record
                bad = records[min(poison.index, len(records) - 1)]
                await self._dead_letters.add(bad, poison.reason)
                records = [record for record in records if record is not bad]
            else:
                break
        if self._held.pop(partition, None) is not None:
            self._source.resume(partition)
        self._done[partition] = next_offset

    def _hold(self, partition: Partition, records: list[Record], attempts: int, busy: Busy) -> None:
        delay_ms = busy.retry_after_ms * 2 ** min(attempts, BACKOFF_DOUBLINGS_MAX)
        due_s = self._clock.real_monotonic_s() + min(delay_ms, BACKOFF_MAX_MS) / 1000
        if partition not in self._held:
            self._source.pause(partition)
        self._held[partition] = _Held(records, attempts + 1, due_s)
        self._done[partition] = records[0].offset
        counter("kafka.batches_held").add(1, {"group": self._options.group})
        get_logger().info(
            "partition.held", topic=partition.topic, partition=partition.number, reason=busy.reason
        )

    async def _retry_held(self, generation: int) -> None:
        now_s = self._clock.real_monotonic_s()
        for partition, held in sorted(self._held.items()):
            if held.due_s <= now_s:
                async with self._lock:
                    if self._closing or generation != self._generation:
                        return
                    await self._handle(partition, held.records, held.attempts)

    def _poll_timeout_ms(self) -> int:
        if not self._held:
            return self._options.poll_timeout_ms
        wait_s = min(held.due_s for held in self._held.values()) - self._clock.real_monotonic_s()
        return max(1, min(self._options.poll_timeout_ms, int(wait_s * 1000) + 1))

    async def _put_back(self, batches: Mapping[Partition, list[Record]]) -> None:
        """Polled across a rebalance: what is ours is read again from its first record."""
        for partition, records in batches.items():
            if partition in self._source.assigned():
                position = await self._source.position(partition)
                self._source.seek(partition, min(position, records[0].offset))

    def _commit_is_due(self) -> bool:
        now_s = self._clock.real_monotonic_s()
        return now_s - self._committed_s >= self._options.commit_interval_ms / 1000

    async def _commit(self) -> None:
        if not self._done:
            return
        done, self._done = self._done, {}
        self._committed_s = self._clock.real_monotonic_s()
        await self._source.commit(done)


def _group_options(options: ConsumerOptions) -> GroupOptions:
    return GroupOptions(
        options.bootstrap,
        options.identity,
        options.group,
        [topic.name for topic in options.topics],
        options.instance_id,
        records_max=options.batch_max * 4,
    )
