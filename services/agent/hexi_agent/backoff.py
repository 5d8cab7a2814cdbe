"""How long to wait before asking again: longer each time, never quite the same."""

from __future__ import annotations

from random import Random

from hexi_kit.clock import Clock
from hexi_kit.errors import HexiError, ResourceExhausted, Unavailable

MILLI = 1_000
# Whoever asks for more is mistaken: a day's frames would be lost over it.
ASKED_MOST_S = 300.0


class Backoff:
    """In real time, whatever clock the province runs on: what is overloaded is a machine."""

    def __init__(self, real_clock: Clock, dice: Random, first_s: float, most_s: float) -> None:
        self._clock, self._dice = real_clock, dice
        self._first_s, self._most_s = first_s, most_s
        self._next_s = first_s

    def reset(self) -> None:
        self._next_s = self._first_s

    async def wait(self, error: HexiError | None = None) -> None:
        """At least as long as the other side asked for."""
        wait_s = self._next_s * self._dice.uniform(0.5, 1.0)
        if isinstance(error, ResourceExhausted):
            wait_s = max(wait_s, min(ASKED_MOST_S, error.retry_after_ms / MILLI))
        self._next_s = min(self._most_s, self._next_s * 2)
        await self._clock.sleep(wait_s)


def as_error(problem: Exception) -> HexiError:
    """Ours as it is, the disk's as something that may pass."""
    return problem if isinstance(problem, HexiError) else Unavailable(str(problem))
