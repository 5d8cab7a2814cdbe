"""What was not mapped and why, and what was mapped to what: counted, never without bound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

NAMES_MAX = 20_000
OTHERS = "(others)"


class Line(NamedTuple):
    """`readings` of one name of a source; either `target` or the `reason` is empty."""

    source: str
    name: str
    target: str
    reason: str
    readings: int
    example: str


class Tally:
    """Names come from outside: past so many they are counted together."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str, str], int] = {}
        self._examples: dict[tuple[str, str, str, str], str] = {}

    def mapped(self, source: str, name: str, target: str, example: str) -> None:
        self._add((source, name, target, ""), example)

    def refused(self, source: str, name: str, reason: str, example: str) -> None:
        self._add((source, name, "", reason), example)

    def lines(self) -> Iterator[Line]:
        for key, count in sorted(self._counts.items()):
            yield Line(*key, count, self._examples[key])

    def _add(self, key: tuple[str, str, str, str], example: str) -> None:
        if key not in self._counts:
            if len(self._counts) >= NAMES_MAX:
                key = (key[0], OTHERS, *key[2:]) if not key[3] else (key[0], OTHERS, "", OTHERS)
            self._examples.setdefault(key, example)
        self._counts[key] = self._counts.get(key, 0) + 1
