"""Round trips to one peer, from one report to the next."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

US_PER_S = 1_000_000
SAMPLES_MAX = 10_000
OUTSTANDING_MAX = 1_000


class Trips(NamedTuple):
    """Microseconds; without samples nothing came back."""

    min_us: int
    p50_us: int
    p99_us: int
    samples: int
    lost: int


class MeshWindow:
    """What is asked, what is answered, and what never was."""

    def __init__(self, lost_after_s: float) -> None:
        self._lost_after_s = lost_after_s
        self._asked: dict[int, float] = {}
        self._trips_us: list[int] = []
        self._lost = 0
        self.is_answered = True  # of a peer that never answers nothing is hoped for

    def ask(self, number: int, now_s: float) -> None:
        if len(self._asked) >= OUTSTANDING_MAX:
            del self._asked[next(iter(self._asked))]
            self._lost += 1
        self._asked[number] = now_s

    def answer(self, number: int, now_s: float) -> bool:
        """Whether that was asked; a second answer to one question is none."""
        asked_s = self._asked.pop(number, None)
        if asked_s is None:
            return False
        if len(self._trips_us) < SAMPLES_MAX:
            # Rounded up: a measurement may flatter nobody.
            self._trips_us.append(max(1, ceil((now_s - asked_s) * US_PER_S)))
        return True

    def close(self, now_s: float) -> Trips:
        """What was heard since the last time; what is still on its way is left for the next."""
        self._give_up(now_s)
        found, self._trips_us = sorted(self._trips_us), []
        lost, self._lost = self._lost, 0
        self.is_answered = bool(found) or not lost
        if not found:
            return Trips(0, 0, 0, 0, lost)
        return Trips(found[0], _rank(found, 50), _rank(found, 99), len(found), lost)

    def _give_up(self, now_s: float) -> None:
        late = [n for n, at_s in self._asked.items() if now_s - at_s > self._lost_after_s]
        for number in late:
            del self._asked[number]
        self._lost += len(late)


def _rank(ordered: list[int], percent: int) -> int:
    """The nearest rank: a value that was measured, not one between two."""
    return ordered[-(-len(ordered) * percent // 100) - 1]
