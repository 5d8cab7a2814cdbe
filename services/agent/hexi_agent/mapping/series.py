"""The newest value of every series that is mapped, in flat arrays: a slot a series."""

from __future__ import annotations

from array import array
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexi_agent.mapping.slots import Slots

NAN = float("nan")
Floats = NDArray[np.float64]


class Columns(NamedTuple):
    """Views of all slots; valid until the next slot is made. `at_ms` 0: the slot is free."""

    group: NDArray[np.int64]
    value: NDArray[np.float64]
    at_ms: NDArray[np.int64]
    until_ms: NDArray[np.int64]


# Numbers one after the other are a slice: a view of them costs a fraction of a copy.
Some = slice | NDArray[np.int32]


class Heard(NamedTuple):
    """Slots, each once, and which of them hold counters."""

    slots: Some
    is_counter: NDArray[np.bool_]


def some(numbers: list[int]) -> Some:
    first = numbers[0] if numbers else 0
    run = range(first, first + len(numbers))
    return slice(run.start, run.stop) if list(run) == numbers else np.array(numbers, np.int32)


class Series:
    """A counter's value is its rate per second, not a number as long as it has none."""

    def __init__(self, series_max: int) -> None:
        self._series_max = series_max
        self._slots = Slots()
        self._subject, self._identity = array("q"), array("q")
        self._free: list[int] = []
        self._group, self._at_ms, self._until_ms = array("q"), array("q"), array("q")
        self._value, self._count = array("d"), array("d")
        # Whoever remembers slots has to ask for them again when this has grown.
        self.ended = 0

    def __len__(self) -> int:
        return len(self._slots)

    def slot(self, subject: int, identity: int) -> int:
        """Slot of a series, -1 if it has none."""
        return self._slots.get(subject, identity)

    def add(self, subject: int, identity: int, group: int) -> int:
        """A slot for a new series; -1 if there are too many."""
        if len(self._slots) >= self._series_max:
            return -1
        slot = self._free.pop() if self._free else self._append()
        self._slots.put(subject, identity, slot)
        self._subject[slot], self._identity[slot] = subject, identity
        self._group[slot], self._value[slot], self._count[slot] = group, NAN, NAN
        self._at_ms[slot] = self._until_ms[slot] = 0
        return slot

    def hear(self, slot: int, value: float, at_ms: int, until_ms: int) -> bool:
        """Take a gauge's value; False if a later one is known."""
        if at_ms <= self._at_ms[slot]:
            return False
        self._value[slot], self._at_ms[slot], self._until_ms[slot] = value, at_ms, until_ms
        return True

    def hear_count(self, slot: int, count: float, at_ms: int, until_ms: int) -> bool:
        """Take where a counter stands. One that went back was reset and has no rate this once."""
        before_ms = self._at_ms[slot]
        grown = count - self._count[slot]
        rate = grown * 1_000 / (at_ms - before_ms) if grown >= 0 and at_ms > before_ms else NAN
        if not self.hear(slot, rate, at_ms, until_ms):
            return False
        self._count[slot] = count
        return True

    def hear_all(self, heard: Heard, values: Floats, at_ms: int, until_ms: int) -> bool:
        """Take what stands in several slots; False, and nothing taken, if a later one is known."""
        slots = heard.slots
        known_ms, count = np.frombuffer(self._at_ms, np.int64), np.frombuffer(self._count)
        before_ms = known_ms[slots]
        if (before_ms >= at_ms).any():
            return False
        with np.errstate(over="ignore"):
            grown = values - count[slots]
            rates = np.where(grown >= 0, grown * 1_000 / (at_ms - before_ms), NAN)
        np.frombuffer(self._value)[slots] = np.where(heard.is_counter, rates, values)
        np.frombuffer(self._until_ms, np.int64)[slots] = until_ms
        known_ms[slots], count[slots] = at_ms, values
        return True

    def end(self, slot: int) -> None:
        """Its source says that it is over."""
        self.ended += 1
        self._slots.remove(self._subject[slot], self._identity[slot])
        self._at_ms[slot] = self._until_ms[slot] = 0
        self._free.append(slot)

    def forget(self, before_ms: int) -> None:
        """End what was silent since then."""
        at_ms = self.columns().at_ms
        for slot in np.flatnonzero((at_ms > 0) & (at_ms < before_ms)).tolist():
            self.end(slot)

    def columns(self) -> Columns:
        # Copies: an array that somebody looks into could not grow.
        return Columns(
            np.array(self._group), np.array(self._value), np.array(self._at_ms),
            np.array(self._until_ms),
        )  # fmt: skip

    def _append(self) -> int:
        for whole in (self._subject, self._identity, self._group, self._at_ms, self._until_ms):
            whole.append(0)
        for number in (self._value, self._count):
            number.append(0.0)
        return len(self._group) - 1
