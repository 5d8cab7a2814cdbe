"""A source that is told: it opens its doors and hands on what comes through them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from hexi_agent.sources.intake import Intake
from hexi_agent.sources.raw import Take


class Door(Protocol):
    """Opened once, closed once."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...


class PushedSource:
    """Its doors are open from `open` to `close`, or as long as `run` runs."""

    def __init__(self, name: str, intake: Intake, doors: Sequence[Door]) -> None:
        self.name, self._intake, self._doors = name, intake, doors

    async def run(self, take: Take) -> None:
        try:
            await self.open(take)
            await asyncio.get_running_loop().create_future()
        finally:
            await self.close()

    async def open(self, take: Take) -> None:
        self._intake.connect(take)
        for door in self._doors:
            await door.open()

    async def close(self) -> None:
        for door in self._doors:
            await door.close()
