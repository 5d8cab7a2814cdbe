"""What ROUTE and PLACE have in common: recovered partitions, redeliveries, rounds, dead letters."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hexi_contracts.topic import Topic
from hexi_kit import huge_pages
from hexi_kit.errors import Poison
from hexi_kit.journal.commands import Commands
from hexi_kit.journal.ownership import Fenced
from hexi_kit.journal.table import Items, Journal
from hexi_kit.kafka.codec import decode
from hexi_kit.kafka.deadletter import DeadLetters
from hexi_kit.kafka.ports import Publisher
from hexi_kit.kafka.record import Record
from hexi_kit.logs import get_logger
from hexi_kit.metrics import histogram

from hexi_scheduler.stream.rounds import Rounds
from hexi_scheduler.wire.workload import WorkloadReader

SETTLE_AT = 2_000
# Those who wait since before the restart are served by then.
WAKE_AFTER_S = 5.0

Debt = TypeVar("Debt")


@dataclass(frozen=True, slots=True)
class StageParts:
    """What a stage is given."""

    journal: Journal
    publisher: Publisher
    dead_letters: DeadLetters
    real_clock: Any


class Partition:
    """One owned partition: how far it has decided, and its decisions that may be asked again."""

    def __init__(self) -> None:
        self.decided = -1
        self._noted: list[tuple[int, bytes, bytes]] = []
        self._answers: dict[int, list[tuple[bytes, bytes]]] | None = None

    def note(self, offset: int, key: bytes, value: bytes) -> None:
        """A recovered entry that answers `offset`."""
        if offset > self.decided:
            self.decided = offset
        self._noted.append((offset, key, value))

    def answers(self, offset: int) -> list[tuple[bytes, bytes]]:
        """The recovered entries that answer it; few restarts ask, so the index is made then."""
        if self._answers is None:
            self._answers = {}
            for at, key, value in self._noted:
                self._answers.setdefault(at, []).append((key, value))
        return self._answers.get(offset, [])

    def go_on(self) -> None:
        """Nothing that was recovered will be asked again."""
        if self._noted:
            self._noted, self._answers = [], None


class Stage(ABC, Generic[Debt]):
    """Invariant: between two batches memory is what the journal says, and all it owes is paid.

    A recovered partition sleeps until its first command, or until its turn comes in `wake`: so the
    first decision after a restart waits for its own partition alone.
    """

    name: str
    topic: Topic

    def __init__(self, parts: StageParts) -> None:
        self.reader = WorkloadReader()
        self.publisher = parts.publisher
        self._journal, self._dead_letters = parts.journal, parts.dead_letters
        self._clock = parts.real_clock
        self._step_ms = histogram("scheduler.step_ms")
        self._asleep: dict[int, Items] = {}
        self._sleepers = asyncio.Event()
        parts.journal.on_recover(self.recover)
        parts.journal.on_release(self.release)

    def recover(self, partition: int, items: Items) -> None:
        """The journal of a partition is at hand."""
        self.release(partition)
        self._asleep[partition] = items
        self._sleepers.set()

    def release(self, partition: int) -> None:
        """Another worker owns it now."""
        self._asleep.pop(partition, None)
        self.forget(partition)

    def own(self, partition: int) -> Partition:
        """The partition as we hold it, awake."""
        items = self._asleep.pop(partition, None)
        if items is not None:
            self.build(partition, items)
        return self.held(partition)

    def sleeps(self, partition: int) -> bool:
        return partition in self._asleep

    async def wake(self) -> None:
        """Wake who sleeps, one by one, in half of the time: what is asked for comes first."""
        while True:
            await self._sleepers.wait()
            self._sleepers.clear()
            await self._clock.sleep(WAKE_AFTER_S)
            while self._asleep:
                began_s = self._clock.real_monotonic_s()
                self.own(min(self._asleep))
                # Now, since it stops the world: what was built is large, and goes on for days.
                huge_pages.collapse()
                await self._clock.sleep(self._clock.real_monotonic_s() - began_s)

    @abstractmethod
    def build(self, partition: int, items: Items) -> None:
        """Build the partition anew from its journal."""

    @abstractmethod
    def forget(self, partition: int) -> None:
        """Drop what was built of it."""

    @abstractmethod
    def held(self, partition: int) -> Partition:
        """A partition that is awake."""

    @abstractmethod
    def repeat(self, record: Record, rounds: Rounds[Debt]) -> None:
        """Owe once more what the decisions about this record owe."""

    @abstractmethod
    def decide(self, record: Record, message: Any, rounds: Rounds[Debt]) -> None:
        """Step, and write what was decided; Poison when the message says nothing."""

    @abstractmethod
    async def pay(self, owed: Sequence[Debt]) -> None:
        """Send what is owed; returns when the broker has it."""

    async def handle(self, commands: Commands) -> None:
        """Decide a batch. On a fence, memory goes back to what the journal says."""
        rounds: Rounds[Debt] = Rounds(self.name)
        try:
            for partition in sorted(commands, key=lambda one: (self.sleeps(one), one)):
                if self.sleeps(partition):
                    # To wake it takes long: what others have decided does not wait for that.
                    await rounds.settle(self._journal, self.pay)
                    rounds = Rounds(self.name)
                for record in commands[partition]:
                    await self._one(record, rounds)
                    if rounds.size >= SETTLE_AT:
                        await rounds.settle(self._journal, self.pay)
                        rounds = Rounds(self.name)
            await rounds.settle(self._journal, self.pay)
        except Fenced:
            for partition in commands:
                if partition in self._journal.partitions:
                    self.recover(partition, self._journal.items(partition))
            raise

    async def _one(self, record: Record, rounds: Rounds[Debt]) -> None:
        own = self.own(record.partition)
        if record.offset <= own.decided:
            self.repeat(record, rounds)
            if record.offset < own.decided:
                return
        else:
            own.go_on()
        began_s = self._clock.real_monotonic_s()
        try:
            # The last command with a decision may have been cut in half: a step completes it.
            self.decide(record, decode(self.topic, record), rounds)
        except Poison as poison:
            get_logger().warning("command.poisoned", stage=self.name, offset=record.offset)
            await self._dead_letters.add(record, poison.reason)
        self._step_ms.record((self._clock.real_monotonic_s() - began_s) * 1_000)
