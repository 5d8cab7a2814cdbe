"""The only place that reads a clock; everything else is handed one."""

import asyncio
import time
from typing import Protocol

from hexi_kit.errors import InvalidArgument, Violation


class Clock(Protocol):
    """Event time in milliseconds; all processes of one run agree on it."""

    def now_ms(self) -> int: ...

    def real_monotonic_s(self) -> float: ...

    async def sleep(self, seconds: float) -> None:
        """Sleep in this clock's seconds."""
        ...


class SystemClock:
    """The machine's own time."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def real_monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ScaledClock:
    """Time that runs `factor` times as fast as real time since a shared origin."""

    def __init__(self, origin_real_ms: int, origin_ms: int, factor: int) -> None:
        if factor < 1:
            raise InvalidArgument([Violation("factor", f"expected at least 1, was {factor}")])
        self._origin_real_ms = origin_real_ms
        self._origin_ms = origin_ms
        self._factor = factor

    def now_ms(self) -> int:
        # Nanoseconds before scaling: at factor 60 whole milliseconds would jump by 60.
        elapsed_ns = time.time_ns() - self._origin_real_ms * 1_000_000
        return self._origin_ms + elapsed_ns * self._factor // 1_000_000

    def real_monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._factor)


def clock_from(text: str) -> Clock:
    """Read `system` or `scaled:<origin_real_ms>:<origin_ms>:<factor>`."""
    if text == "system":
        return SystemClock()
    kind, *numbers = text.split(":")
    if kind == "scaled" and len(numbers) == 3 and all(_is_number(n) for n in numbers):
        return ScaledClock(int(numbers[0]), int(numbers[1]), int(numbers[2]))
    expected = "expected 'system' or 'scaled:<origin_real_ms>:<origin_ms>:<factor>'"
    raise InvalidArgument([Violation("clock", f"{expected}, was {text!r}")])


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
