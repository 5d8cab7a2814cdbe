"""Goal: every clock keeps the same promises. Method: one suite, all clocks."""

from collections.abc import Callable

import pytest
from hexi_kit.clock import Clock, ScaledClock, SystemClock
from hexi_kit.testing.clock import ManualClock

CLOCKS: list[Callable[[], Clock]] = [
    SystemClock,
    lambda: ScaledClock(SystemClock().now_ms(), 1_800_000_000_000, 60),
    ManualClock,
]


@pytest.fixture(params=CLOCKS, ids=["system", "scaled", "manual"])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


def test_time_never_goes_back(clock: Clock) -> None:
    times = [clock.now_ms() for _ in range(1_000)]
    assert times == sorted(times)


def test_monotonic_time_never_goes_back(clock: Clock) -> None:
    times = [clock.real_monotonic_s() for _ in range(1_000)]
    assert times == sorted(times)


def test_milliseconds_are_whole(clock: Clock) -> None:
    assert isinstance(clock.now_ms(), int)
    assert clock.now_ms() > 1_700_000_000_000
