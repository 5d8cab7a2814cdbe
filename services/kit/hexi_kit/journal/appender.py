"""Writes a journal partition as its only owner: the broker itself refuses the owner before.

A claim gets a producer id and a raised epoch under the transactional id `<journal>-<partition>`,
then appends a fence record, by which the partition learns of the epoch. From then on any batch of
a lower epoch is answered INVALID_PRODUCER_EPOCH. Batches are idempotent and not transactional:
no markers, no waiting for a commit, and readers need no filter. A batch is in the log whole or not
at all; sent again after a lost answer, the broker knows it by its sequence number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from enum import Enum

from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced
from hexi_contracts.topic import Topic

from hexi_kit.clock import Clock
from hexi_kit.identity import Identity
from hexi_kit.journal.ownership import FENCE_PREFIX, Claim, Fenced, JournalBroken
from hexi_kit.kafka.batch import Batch, Entry, build_batches
from hexi_kit.kafka.ports import Partition
from hexi_kit.kafka.produce_client import SEQUENCES, Answer, ProduceClient
from hexi_kit.kafka.transient import is_transient
from hexi_kit.metrics import counter, histogram

# A broker that was killed takes half a minute to come back on a loaded machine.
GIVE_UP_AFTER_S = 60.0
RETRY_BACKOFF_S = 0.05


class _Verdict(Enum):
    """What the broker's answer to one batch means; AGAIN sends the very same bytes."""

    WRITTEN = 1
    FENCED = 2
    AGAIN = 3


@dataclass(slots=True)
class _Owned:
    """One partition. While `in_flight`, nobody can say what the log holds."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    producer_id: int = -1
    epoch: int = -1
    sequence: int = 0
    in_flight: bool = False


class JournalAppender:
    """Start, claim partitions, append to them, stop.

    Invariant: one append of a partition is under way at a time, so sequence order is log order.
    """

    def __init__(
        self, bootstrap: str, identity: Identity | None, journal: Topic, clock: Clock
    ) -> None:
        self._journal, self._clock = journal, clock
        self._link = ProduceClient(bootstrap, identity, [journal.name], f"journal-{journal.name}")
        self._owned: dict[int, _Owned] = {}

    async def start(self) -> None:
        await self._link.open()

    async def stop(self) -> None:
        await self._link.close()

    async def claim(self, partition: int) -> Claim:
        """Become the owner; all that any earlier owner wrote lies below the claim's offset."""
        owned = self._owned.setdefault(partition, _Owned())
        async with owned.lock:
            transactional_id = f"{self._journal.name}-{partition}"
            producer_id, epoch = await self._init_producer(transactional_id)
            owned.producer_id, owned.epoch = producer_id, epoch
            owned.sequence, owned.in_flight = 0, False
            fence = (FENCE_PREFIX + b"%d" % partition, b"%d/%d" % (producer_id, epoch))
            offsets = await self._append_locked({partition: [fence]})
        return Claim(producer_id, epoch, offsets[partition])

    def release(self, partition: int) -> None:
        """Forget an ownership that ended; the broker needs no telling."""
        self._owned.pop(partition, None)

    async def append(self, partition: int, entries: Sequence[Entry]) -> int:
        """Write entries in order and return the offset of the first, acknowledged by the broker."""
        return (await self.append_many({partition: entries}))[partition]

    async def append_many(self, entries: Mapping[int, Sequence[Entry]]) -> dict[int, int]:
        """Write to several partitions at once; the offset of the first entry of each."""
        began_s, whose = self._clock.real_monotonic_s(), {"journal": self._journal.name}
        async with AsyncExitStack() as locks:
            for partition in sorted(entries):
                if partition not in self._owned:
                    raise Fenced(self._journal.name, partition, -1)
                await locks.enter_async_context(self._owned[partition].lock)
            offsets = await self._append_locked(entries)
        elapsed_ms = (self._clock.real_monotonic_s() - began_s) * 1_000
        histogram("journal.append_ms").record(elapsed_ms, whose)
        counter("journal.records_appended").add(sum(map(len, entries.values())), whose)
        return offsets

    async def _append_locked(self, entries: Mapping[int, Sequence[Entry]]) -> dict[int, int]:
        waiting: dict[int, list[Batch]] = {}
        for partition, wanted in entries.items():
            owned = self._owned[partition]
            if owned.in_flight:
                raise JournalBroken(f"{self._journal.name}[{partition}]: an append was cut off")
            waiting[partition] = build_batches(wanted, self._journal.message_bytes_max)
        for partition in waiting:
            self._owned[partition].in_flight = True
        offsets: dict[int, int] = {}
        fenced: list[Fenced] = []
        give_up_s = self._clock.real_monotonic_s() + GIVE_UP_AFTER_S
        while waiting:
            heads = {
                Partition(self._journal.name, p): self._stamped(p, batches[0])
                for p, batches in waiting.items()
            }
            answers = await self._link.produce(heads)
            retry = False
            for (_, partition), answer in answers.items():
                verdict = self._judge(partition, answer, waiting[partition][0])
                if verdict is _Verdict.WRITTEN:
                    offsets.setdefault(partition, answer.offset)
                    self._advance(partition, waiting)
                elif verdict is _Verdict.FENCED:
                    fenced.append(
                        Fenced(self._journal.name, partition, self._owned[partition].epoch)
                    )
                    self._owned[partition].in_flight = False
                    del waiting[partition]
                else:
                    retry = True
            if retry:
                await self._back_off(give_up_s, sorted(waiting))
        # Told last: what the other partitions wrote is settled by now.
        if fenced:
            counter("journal.fenced").add(len(fenced), {"journal": self._journal.name})
            raise fenced[0]
        return offsets

    async def _init_producer(self, transactional_id: str) -> tuple[int, int]:
        give_up_s = self._clock.real_monotonic_s() + GIVE_UP_AFTER_S
        while True:
            try:
                return await self._link.init_producer(transactional_id)
            except KafkaError as error:
                if not is_transient(type(error)) or self._clock.real_monotonic_s() > give_up_s:
                    raise
            await self._link.refresh(RETRY_BACKOFF_S)

    def _stamped(self, partition: int, batch: Batch) -> bytes:
        owned = self._owned[partition]
        return batch.stamp(owned.producer_id, owned.epoch, owned.sequence)

    def _advance(self, partition: int, waiting: dict[int, list[Batch]]) -> None:
        owned, batches = self._owned[partition], waiting[partition]
        owned.sequence = (owned.sequence + batches.pop(0).count) % SEQUENCES
        if not batches:
            owned.in_flight = False
            del waiting[partition]

    def _judge(self, partition: int, answer: Answer, batch: Batch) -> _Verdict:
        error = answer.error
        if answer.is_written:
            return _Verdict.WRITTEN
        if error in (InvalidProducerEpoch, ProducerFenced):
            return _Verdict.FENCED
        if is_transient(error):
            return _Verdict.AGAIN
        raise JournalBroken(
            f"{self._journal.name}[{partition}]: {error.__name__} for {batch.count} entries"
        )

    async def _back_off(self, give_up_s: float, partitions: Sequence[int]) -> None:
        if self._clock.real_monotonic_s() >= give_up_s:
            raise JournalBroken(
                f"{self._journal.name}{list(partitions)}: no answer in {GIVE_UP_AFTER_S} s"
            )
        await self._link.refresh(RETRY_BACKOFF_S)
