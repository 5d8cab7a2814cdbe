"""How many frames are under way to telemetry and not decided yet."""

from __future__ import annotations

import asyncio

IN_FLIGHT_MAX = 64


class Flight:
    """Bounded by what one answer can decide at once; numbers the spool has lost do not count."""

    def __init__(self, next_sequence: int) -> None:
        self.sent_through = next_sequence - 1
        self._under_way: list[int] = []
        self._moved = asyncio.Event()

    async def room(self) -> int:
        """Wait for room; how many frames fit."""
        while len(self._under_way) >= IN_FLIGHT_MAX:
            self._moved.clear()
            await self._moved.wait()
        return IN_FLIGHT_MAX - len(self._under_way)

    def sent(self, sequence: int) -> None:
        self._under_way.append(sequence)
        self.sent_through = sequence

    def decided(self, through: int) -> None:
        self._under_way = [number for number in self._under_way if number > through]
        self._moved.set()
