"""A clock that moves only when told."""

import asyncio
import heapq
from itertools import count


class ManualClock:
    """`advance` moves time and wakes those whose sleep is over, earliest first."""

    def __init__(self, now_ms: int = 1_800_000_000_000) -> None:
        self._now_ms = now_ms
        self._order = count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._more = asyncio.Event()

    def now_ms(self) -> int:
        return self._now_ms

    def real_monotonic_s(self) -> float:
        return self._now_ms / 1_000

    async def sleep(self, seconds: float) -> None:
        wake_at_ms = self._now_ms + round(seconds * 1_000)
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (wake_at_ms, next(self._order), woken))
        self._more.set()
        await woken

    def advance(self, ms: int) -> None:
        self._now_ms += ms
        while self._sleepers and self._sleepers[0][0] <= self._now_ms:
            _, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)

    async def until_sleepers(self, number: int) -> None:
        """Wait until so many tasks sleep on this clock."""
        while self._asleep() < number:
            self._more.clear()
            await self._more.wait()

    def _asleep(self) -> int:
        return sum(not woken.done() for _, _, woken in self._sleepers)
