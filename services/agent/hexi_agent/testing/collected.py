"""A place for readings where a test can wait for what it expects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from hexi_agent.sources.findings import Finding, Findings
from hexi_agent.sources.raw import RawReading, RawSource

WAIT_S = 40.0


class Collected:
    """What sources take to."""

    def __init__(self) -> None:
        self.readings: list[RawReading] = []
        self._more = asyncio.Event()

    def take(self, readings: Sequence[RawReading]) -> None:
        self.readings += readings
        self._more.set()

    def named(self, name: str, subject: str = "") -> list[float]:
        """Values of this name, in the order in which they came."""
        return [
            one.value for one in self.readings if one.name == name and subject in ("", one.subject)
        ]

    def of(self, subject: str) -> list[RawReading]:
        return [one for one in self.readings if one.subject == subject]

    def subjects(self, name: str) -> list[str]:
        return [one.subject for one in self.readings if one.name == name]

    async def until(self, is_there: Callable[[], bool], wait_s: float = WAIT_S) -> None:
        async with asyncio.timeout(wait_s):
            while not is_there():
                self._more.clear()
                await self._more.wait()


class Noted(Findings):
    """Findings of a source that may take nothing else, to be waited for."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self._first = asyncio.Event()

    def note(self, subject: str, found: Iterable[Finding]) -> None:
        super().note(subject, found)
        if self.counts:
            self._first.set()

    async def first(self) -> None:
        async with asyncio.timeout(WAIT_S):
            await self._first.wait()


@asynccontextmanager
async def collecting(source: RawSource) -> AsyncIterator[Collected]:
    """What a source takes while it runs; one that dies takes the test with it."""
    collected = Collected()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(source.run(collected.take))
        yield collected
        task.cancel()
