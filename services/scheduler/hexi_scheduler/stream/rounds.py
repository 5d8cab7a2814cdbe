"""Rounds: what is appended together, and what is owed once it stands in the journal.

No round writes a key twice, and the next begins only when all is paid. So a crash cuts off at most
one round, and what it still owes can be told from the newest record of each key alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from hexi_kit.journal.table import Journal
from hexi_kit.kafka.batch import Entry
from hexi_kit.testing import faults

Debt = TypeVar("Debt")


class Round(Generic[Debt]):
    """Entries by partition and key, and the debts of all of them in order."""

    def __init__(self) -> None:
        self.entries: defaultdict[int, dict[bytes, Entry]] = defaultdict(dict)
        self.owed: list[Debt] = []


class Rounds(Generic[Debt]):
    """Filled by one batch of commands, then settled."""

    def __init__(self, name: str) -> None:
        self.size = 0
        self._name = name
        self._rounds: list[Round[Debt]] = [Round()]
        self._current: defaultdict[int, int] = defaultdict(int)

    def write(self, partition: int, entry: Entry, owed: Sequence[Debt]) -> None:
        """Append the entry in the partition's current round, or begin its next."""
        key, turn = entry[0], self._round(partition)
        if key in turn.entries[partition]:
            self.seal(partition)
            turn = self._round(partition)
        turn.entries[partition][key] = entry
        if owed:
            turn.owed.extend(owed)
        self.size += 1

    def owe(self, partition: int, owed: Sequence[Debt]) -> None:
        """Debts of records that stand in the journal already."""
        self._round(partition).owed.extend(owed)
        self.size += len(owed)

    def seal(self, partition: int) -> None:
        """What comes next in this partition waits until all before it is paid."""
        self._current[partition] += 1

    async def settle(
        self, journal: Journal, pay: Callable[[Sequence[Debt]], Awaitable[None]]
    ) -> None:
        """Append, then pay, round by round."""
        for turn in self._rounds:
            if turn.entries:
                faults.point(f"scheduler.before_{self._name}_append")
                written = {p: list(entries.values()) for p, entries in turn.entries.items()}
                await journal.append_many(written)
                faults.point(f"scheduler.after_{self._name}_append")
            if turn.owed:
                await pay(turn.owed)
                faults.point(f"scheduler.after_{self._name}_owed")

    def _round(self, partition: int) -> Round[Debt]:
        index = self._current[partition]
        while index >= len(self._rounds):
            self._rounds.append(Round())
        return self._rounds[index]
