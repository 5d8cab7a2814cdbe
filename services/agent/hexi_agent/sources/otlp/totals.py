"""Makes sums that only tell their growth into sums that tell where they stand."""

from __future__ import annotations

from typing import NamedTuple

SERIES_MAX = 100_000

Key = tuple[str, str, tuple[tuple[str, str], ...]]


class _Total(NamedTuple):
    value: float
    at_ns: int


class Totals:
    """The half that was silent longest goes when there are too many; it begins again at nothing,
    which is how any counter begins again."""

    def __init__(self, series_max: int = SERIES_MAX) -> None:
        self._half = max(1, series_max // 2)
        self._young: dict[Key, _Total] = {}
        self._old: dict[Key, _Total] = {}

    def add(self, key: Key, growth: float, at_ns: int) -> float | None:
        """Where the sum stands; None where this growth was told before."""
        before = self._young.get(key) or self._old.get(key) or _Total(0.0, 0)
        if at_ns <= before.at_ns:
            return None
        if key not in self._young and len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = _Total(before.value + growth, at_ns)
        return before.value + growth
