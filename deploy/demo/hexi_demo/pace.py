"""The demo's own time: real seconds since the load began, and when it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator

from hexi_kit.clock import SystemClock


class Pace:
    """Beats at a fixed rate until `duration_s` is over; late beats are not made up for."""

    def __init__(self, duration_s: float) -> None:
        self._clock = SystemClock()
        self._began_s = self._clock.real_monotonic_s()
        self.duration_s = duration_s

    def elapsed_s(self) -> float:
        return self._clock.real_monotonic_s() - self._began_s

    def over(self) -> bool:
        return self.elapsed_s() >= self.duration_s

    async def until(self, second: float) -> None:
        await self._clock.sleep(max(0.0, second - self.elapsed_s()))

    async def beats(self, every_s: float) -> AsyncIterator[float]:
        next_s = self.elapsed_s()
        while not self.over():
            yield self.elapsed_s()
            next_s = max(next_s + every_s, self.elapsed_s())
            await self.until(next_s)
