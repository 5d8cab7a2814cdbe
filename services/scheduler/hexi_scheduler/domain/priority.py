"""Priority classes: who goes first, who may take from whom, by dated policy."""

from __future__ import annotations

from bisect import bisect_right
from enum import StrEnum
from typing import NamedTuple

# What was borrowed beyond a quota yields before every class.
BORROWED_RANK = 0


class Yields(StrEnum):
    """Whether running work of a class may be evicted for a higher one."""

    NEVER = "never"
    INTERRUPTIBLE = "interruptible"
    ALWAYS = "always"


class PriorityClass(NamedTuple):
    """Priorities from `priority_min` up to the next class.

    What has waited `ageing_s` is served as if it were one class higher; 0: it does not age.
    """

    name: str
    priority_min: int = 0
    yields: Yields = Yields.NEVER
    may_preempt: bool = False
    ageing_s: int = 0


class Priorities(NamedTuple):
    """Classes from the lowest up; the rank of a class is its place, beginning with 1."""

    classes: tuple[PriorityClass, ...] = (PriorityClass("standard"),)

    def rank(self, priority: int) -> int:
        return bisect_right(self.classes, priority, key=lambda c: c.priority_min) or 1

    def of_rank(self, rank: int) -> PriorityClass:
        return self.classes[rank - 1]

    def aged_rank(self, rank: int, waited_ms: int) -> int:
        """The rank in the order of service; what it may preempt does not grow with its age."""
        ageing_ms = self.of_rank(rank).ageing_s * 1_000
        aged = bool(ageing_ms) and waited_ms >= ageing_ms
        return min(rank + aged, len(self.classes))
