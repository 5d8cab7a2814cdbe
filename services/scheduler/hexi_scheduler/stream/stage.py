"""What ROUTE and PLACE have in common: recovered partitions, redeliveries, rounds, dead letters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hexi_contracts.topic import Topic
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
        self.answers: dict[int, list[tuple[bytes, bytes]]] = {}

    def note(self, offset: int, key: bytes, value: bytes) -> None:
        """A recovered entry that answers `offset`."""
        self.decided = max(self.decided, offset)
        self.answers.setdefault(offset, []).append((key, value))


class Stage(ABC, Generic[Debt]):
    """Invariant: between two batches memory is what the journal says, and all it owes is paid."""

    name: str
    topic: Topic

    def __init__(self, parts: StageParts) -> None:
        self.reader = WorkloadReader()
        self.publisher = parts.publisher
        self._journal, self._dead_letters = parts.journal, parts.dead_letters
        self._clock = parts.real_clock
        self._step_ms = histogram("scheduler.step_ms")
        parts.journal.on_recover(self.recover)
        parts.journal.on_release(self.forget)

    @abstractmethod
    def recover(self, partition: int, items: Items) -> None:
        """Build the partition anew from its journal."""

    @abstractmethod
    def forget(self, partition: int) -> None:
        """Another worker owns it now."""

    @abstractmethod
    def repeat(self, record: Record, rounds: Rounds[Debt]) -> None:
        """Owe once more what the decisions about this record owe."""

    @abstractmethod
    def decide(self, record: Record, message: Any, rounds: Rounds[Debt]) -> None:
        """Step, and write what was decided; Poison when the message says nothing."""

    @abstractmethod
    def own(self, partition: int) -> Partition:
        """The partition as we hold it."""

    @abstractmethod
    async def pay(self, owed: Sequence[Debt]) -> None:
        """Send what is owed; returns when the broker has it."""

    async def handle(self, commands: Commands) -> None:
        """Decide a batch. On a fence, memory goes back to what the journal says."""
        rounds: Rounds[Debt] = Rounds(self.name)
        try:
            for records in commands.values():
                for record in records:
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
            own.answers.clear()
        began_s = self._clock.real_monotonic_s()
        try:
            # The last command with a decision may have been cut in half: a step completes it.
            self.decide(record, decode(self.topic, record), rounds)
        except Poison as poison:
            get_logger().warning("command.poisoned", stage=self.name, offset=record.offset)
            await self._dead_letters.add(record, poison.reason)
        self._step_ms.record((self._clock.real_monotonic_s() - began_s) * 1_000)
