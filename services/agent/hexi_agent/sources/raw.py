"""What a source saw, in its own words, before any mapping."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol


class RawReading(NamedTuple):
    """`subject` is the server as the source names it; `name` and `labels` are the source's own.

    `unit` is the source's word for it, empty where it has none; `at_ms` is when it was measured.
    A value that is not a number says that the series has ended.
    """

    source: str
    subject: str
    name: str
    labels: tuple[tuple[str, str], ...]
    value: float
    unit: str
    at_ms: int


Take = Callable[[Sequence[RawReading]], None]


class RawSource(Protocol):
    """Runs as long as the agent and hands over what it sees, polled or pushed."""

    name: str

    async def run(self, take: Take) -> None: ...
