"""Time that is set by the event queue."""

from __future__ import annotations


class SimulatedClock:
    """Stands still until it is set; nobody sleeps on it."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def set(self, now_ms: int) -> None:
        assert now_ms >= self._now_ms, "time does not go back"
        self._now_ms = now_ms

    def real_monotonic_s(self) -> float:
        return self._now_ms / 1_000

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps in simulated time")
