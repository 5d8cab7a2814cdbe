"""Goal: who is asked to wait waits at least so long, and nobody asks for ever. Method: a clock that
tells how long was slept."""

from __future__ import annotations

from random import Random

import pytest
from hexi_agent.backoff import ASKED_MOST_S, Backoff
from hexi_kit.errors import HexiError, ResourceExhausted, Unavailable


class Slept:
    """Tells what it was asked for."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def now_ms(self) -> int:
        return 0

    def real_monotonic_s(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)


async def slept(*errors: HexiError | None) -> list[float]:
    clock = Slept()
    backoff = Backoff(clock, Random(1), first_s=0.1, most_s=2.0)
    for error in errors:
        await backoff.wait(error)
    return clock.seconds


async def test_waits_grow_to_their_most() -> None:
    waits = await slept(*[Unavailable("away")] * 10)

    assert 0.05 <= waits[0] <= 0.1
    assert all(1.0 <= wait <= 2.0 for wait in waits[6:])


@pytest.mark.parametrize(("asked_ms", "least_s"), [(20_000, 20.0), (10**12, ASKED_MOST_S), (0, 0)])
async def test_what_a_quota_asks_for_is_granted_within_reason(
    asked_ms: int, least_s: float
) -> None:
    (wait,) = await slept(ResourceExhausted("quota", asked_ms))

    assert least_s <= wait <= max(least_s, 0.1)
