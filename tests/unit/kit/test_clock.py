"""Goal: all processes of a run agree on the time. Method: clocks built from the same text."""

import asyncio

import pytest
from hexi_kit.clock import ScaledClock, SystemClock, clock_from
from hexi_kit.errors import InvalidArgument
from hexi_kit.testing.clock import ManualClock


def test_two_readers_of_the_same_text_agree() -> None:
    origin_real_ms = SystemClock().now_ms() - 1_000
    text = f"scaled:{origin_real_ms}:1800000000000:60"

    before = clock_from(text).now_ms()
    after = clock_from(text).now_ms()

    assert before <= after < before + 60_000
    assert before >= 1_800_000_060_000


def test_scaled_sleep_is_shorter() -> None:
    clock = ScaledClock(SystemClock().now_ms(), 0, 1_000)
    began = clock.real_monotonic_s()

    asyncio.run(clock.sleep(10))

    assert 0.009 <= clock.real_monotonic_s() - began < 5


@pytest.mark.parametrize(
    "text", ["", "SYSTEM", "scaled", "scaled:1:2", "scaled:1:2:x", "scaled:1:2:0", "scaled:-1:2:3"]
)
def test_unreadable_clock_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        clock_from(text)


async def test_manual_clock_wakes_sleepers_in_order_of_time() -> None:
    clock = ManualClock(0)
    woken: list[str] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    tasks = [asyncio.create_task(sleeper(*who)) for who in (("late", 2), ("early", 1), ("far", 9))]
    await clock.until_sleepers(3)
    clock.advance(2_000)
    await asyncio.gather(*tasks[:2])

    assert woken == ["early", "late"]
    tasks[2].cancel()
