"""A place for readings where a test can wait for what it expects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from hexi_agent.sources.raw import RawReading

WAIT_S = 20.0


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

    def subjects(self, name: str) -> list[str]:
        return [one.subject for one in self.readings if one.name == name]

    async def until(self, is_there: Callable[[], bool], wait_s: float = WAIT_S) -> None:
        async with asyncio.timeout(wait_s):
            while not is_there():
                self._more.clear()
                await self._more.wait()
