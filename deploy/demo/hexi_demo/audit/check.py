"""What a check says: what must hold, what was counted, and the first counter-examples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

EXAMPLES_MAX = 5


@dataclass(frozen=True, slots=True)
class Check:
    """One law of the province, and how this run kept it."""

    name: str
    passed: bool
    counted: str
    examples: tuple[str, ...] = ()


def check(name: str, counted: str, broken: Iterable[str], *, seen: int) -> Check:
    """A check passes when nothing broke it and there was something to look at."""
    examples = tuple(broken)
    if not seen:
        examples = ("nothing was there to check", *examples)
    return Check(name, not examples, counted, examples[:EXAMPLES_MAX])
