"""The newest value of every series that is mapped, in flat arrays: a slot a series."""

from __future__ import annotations

from array import array
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexi_agent.mapping.slots import Slots

NAN = float("nan")
# Rates are reckoned so many at a time: for all at once each step would take a megabyte.
PIECE = 8_192
Floats = NDArray[np.float64]


class Columns(NamedTuple):
    """Of all slots; no slot can be made until they are let go. `at_ms` 0: the slot is free."""

    group: NDArray[np.int32]
    value: NDArray[np.float64]
    at_ms: NDArray[np.int64]
    until_ms: NDArray[np.int64]


# Numbers one after the other are a slice: a view of them costs a fraction of a copy.
Some = slice | NDArray[np.int32]


def some(numbers: list[int]) -> Some:
    first = numbers[0] if numbers else 0
    run = range(first, first + len(numbers))
    return slice(run.start, run.stop) if list(run) == numbers else np.array(numbers, np.int32)


class Series:
    """A counter's value is its rate per second between the last two looks, not a number as long as
    it has none."""

    def __init__(self, series_max: int) -> None:
        self._series_max = series_max
        self._slots = Slots()
        self._subject, self._identity, self._group = array("i"), array("i"), array("i")
        self._free: list[int] = []
        self._is_counter = array("b")
        self._at_ms, self._until_ms, self._before_ms = array("q"), array("q"), array("q")
        # What was said last, and before it: a rate is reckoned when somebody asks for it.
        self._said, self._before = array("d"), array("d")
        # Whoever remembers slots has to ask for them again when this has grown.
        self.ended = 0

    def __len__(self) -> int:
        return len(self._slots)

    def slot(self, subject: int, identity: int) -> int:
        """Slot of a series, -1 if it has none."""
        return self._slots.get(subject, identity)

    def add(self, subject: int, identity: int, group: int, *, is_counter: bool) -> int:
        """A slot for a new series; -1 if there are too many."""
        if len(self._slots) >= self._series_max:
            return -1
        slot = self._free.pop() if self._free else self._append()
        self._slots.put(subject, identity, slot)
        self._subject[slot], self._identity[slot] = subject, identity
        self._group[slot], self._is_counter[slot] = group, is_counter
        self._said[slot] = self._before[slot] = NAN
        self._at_ms[slot] = self._until_ms[slot] = self._before_ms[slot] = 0
        return slot

    def hear(self, slot: int, value: float, at_ms: int, until_ms: int) -> bool:
        """Take a gauge's value, or where a counter stands; False if a later one is known."""
        before_ms = self._at_ms[slot]
        if at_ms <= before_ms:
            return False
        self._before[slot], self._before_ms[slot] = self._said[slot], before_ms
        self._said[slot], self._at_ms[slot], self._until_ms[slot] = value, at_ms, until_ms
        return True

    def hear_all(self, slots: Some, values: Floats, at_ms: int, until_ms: int) -> bool:
        """Take what stands in several slots; False, and nothing taken, if a later one is known."""
        known_ms, said = np.frombuffer(self._at_ms, np.int64), np.frombuffer(self._said)
        before_ms = known_ms[slots]
        if before_ms.max(initial=0) >= at_ms:
            return False
        np.frombuffer(self._before)[slots] = said[slots]
        np.frombuffer(self._before_ms, np.int64)[slots] = before_ms
        np.frombuffer(self._until_ms, np.int64)[slots] = until_ms
        said[slots], known_ms[slots] = values, at_ms
        return True

    def end(self, slot: int) -> None:
        """Its source says that it is over."""
        self.ended += 1
        self._slots.remove(self._subject[slot], self._identity[slot])
        self._at_ms[slot] = self._until_ms[slot] = 0
        self._free.append(slot)

    def forget(self, before_ms: int) -> None:
        """End what was silent since then."""
        at_ms = np.frombuffer(self._at_ms, np.int64)
        silent = np.flatnonzero((at_ms > 0) & (at_ms < before_ms)).tolist()
        for slot in silent:
            self.end(slot)

    def columns(self) -> Columns:
        return Columns(
            np.frombuffer(self._group, np.int32),
            self._values(),
            np.frombuffer(self._at_ms, np.int64),
            np.frombuffer(self._until_ms, np.int64),
        )

    def _values(self) -> Floats:
        """A counter that went back was reset and has no rate this once."""
        values = np.array(self._said)
        for first in range(0, len(values), PIECE):
            piece = slice(first, first + PIECE)
            is_counter = np.frombuffer(self._is_counter, np.bool_)[piece]
            before_ms = np.frombuffer(self._before_ms, np.int64)[piece]
            passed_ms = np.frombuffer(self._at_ms, np.int64)[piece] - before_ms
            with np.errstate(over="ignore", invalid="ignore"):
                grown = values[piece] - np.frombuffer(self._before)[piece]
                rates = np.full(len(grown), NAN)
                has_rate = (grown >= 0) & (passed_ms > 0)
                np.divide(grown * 1_000, passed_ms, out=rates, where=has_rate)
            np.copyto(values[piece], rates, where=is_counter)
        return values

    def _append(self) -> int:
        for small in (self._subject, self._identity, self._group, self._is_counter):
            small.append(0)
        for whole in (self._at_ms, self._until_ms, self._before_ms):
            whole.append(0)
        for number in (self._said, self._before):
            number.append(0.0)
        return len(self._group) - 1
