"""Goal: a site costs its share and no more. Method: buckets and batches, on a manual clock."""

from __future__ import annotations

import asyncio

import pytest
from hexi_kit.errors import ResourceExhausted
from hexi_kit.testing.clock import ManualClock
from hexi_telemetry.api.batches import AHEAD_BYTES_MAX, BATCH_BYTES_MAX, BATCH_MAX, Batches
from hexi_telemetry.api.quota import HELD_MAX, HOLD_S_MAX, ROOM_S, QuotaLimits, Quotas
from hypothesis import given
from hypothesis import strategies as st

LIMITS = QuotaLimits(2, frames_per_s=10, burst_frames=20, bytes_per_s=1_000, burst_bytes=2_000)


async def numbers(count: int, fails: bool = False):
    for number in range(count):
        yield number
    if fails:
        raise ValueError("cut")


@given(st.lists(st.integers(1, 3 * BATCH_BYTES_MAX), max_size=200))
async def test_batches_are_all_there_is_in_order_and_bounded(sizes: list[int]) -> None:
    got: list[list[int]] = []
    async with Batches(numbers(len(sizes)), lambda number: sizes[number]) as batches:
        async for batch in batches:
            got.append(batch)

    assert [number for batch in got for number in batch] == list(range(len(sizes)))
    for batch in got:
        total = sum(sizes[number] for number in batch)
        assert len(batch) <= BATCH_MAX
        assert len(batch) == 1 or total <= BATCH_BYTES_MAX


async def test_nothing_more_is_read_than_there_is_room_for() -> None:
    read = 0

    async def endless():
        nonlocal read
        while True:
            read += 1
            yield b"x" * BATCH_BYTES_MAX

    async with Batches(endless(), len) as batches:
        taken = aiter(batches)
        await anext(taken)
        for _ in range(100):
            await asyncio.sleep(0)

    assert read <= 2 + AHEAD_BYTES_MAX // BATCH_BYTES_MAX


async def test_an_error_of_the_stream_comes_out_behind_what_came_before() -> None:
    got: list[int] = []
    with pytest.raises(ValueError, match="cut"):
        async with Batches(numbers(3, fails=True), lambda _: 1) as batches:
            async for batch in batches:
                got += batch

    assert got == [0, 1, 2]


@pytest.mark.parametrize(("frames", "size"), [(5, 0), (1, 500)])
def test_a_flooding_site_is_told_when_to_come_back_and_others_are_not(
    frames: int, size: int
) -> None:
    clock = ManualClock()
    quotas = Quotas(clock, LIMITS)
    quotas.take("lanzhou", 20 if frames > 1 else 1, 2_000 if size else 0)

    with pytest.raises(ResourceExhausted) as caught:
        quotas.take("lanzhou", frames, size)
    quotas.take("qingyang", 20, 2_000)

    wait_ms = caught.value.retry_after_ms
    assert 500 < wait_ms - ROOM_S * 1_000 < 510
    clock.advance(wait_ms - 100)
    with pytest.raises(ResourceExhausted):  # whoever comes too early is refused, room or not
        quotas.take("lanzhou", 1, 1)
    clock.advance(100)
    quotas.take("lanzhou", frames, size)


def test_a_batch_above_the_burst_passes_once_the_bucket_is_full() -> None:
    clock = ManualClock()
    quotas = Quotas(clock, LIMITS)
    quotas.take("lanzhou", 30, 0)

    with pytest.raises(ResourceExhausted) as caught:
        quotas.take("lanzhou", 1, 0)
    assert caught.value.retry_after_ms > 1_000


async def test_streams_of_a_site_are_counted_and_one_too_many_is_kept_standing() -> None:
    clock = ManualClock()
    quotas = Quotas(clock, LIMITS)

    async with quotas.stream("lanzhou"), quotas.stream("lanzhou"):
        knocking = asyncio.create_task(enter(quotas, "lanzhou"))
        await clock.until_sleepers(1)
        async with quotas.stream("qingyang"):
            pass
        clock.advance(int(HOLD_S_MAX * 1_000))
        with pytest.raises(ResourceExhausted):
            await knocking
    await enter(quotas, "lanzhou")


async def test_a_site_that_comes_back_too_early_waits_outside() -> None:
    clock = ManualClock()
    quotas = Quotas(clock, LIMITS)
    quotas.take("lanzhou", 20, 0)
    with pytest.raises(ResourceExhausted):
        quotas.take("lanzhou", 20, 0)

    rude = [asyncio.create_task(enter(quotas, "lanzhou")) for _ in range(2)]
    await clock.until_sleepers(2)
    clock.advance(int(HOLD_S_MAX * 1_000))
    for one in rude:
        with pytest.raises(ResourceExhausted):
            await one
    clock.advance(1_000)
    nearly_in_time = asyncio.create_task(enter(quotas, "lanzhou"))
    await clock.until_sleepers(1)
    clock.advance(1_000)
    await nearly_in_time


async def test_a_crowd_at_the_door_is_not_kept_without_end() -> None:
    clock = ManualClock()
    quotas = Quotas(clock, LIMITS)
    async with quotas.stream("lanzhou"), quotas.stream("lanzhou"):
        crowd = [asyncio.create_task(enter(quotas, "lanzhou")) for _ in range(HELD_MAX)]
        await clock.until_sleepers(HELD_MAX)
        with pytest.raises(ResourceExhausted):
            await enter(quotas, "lanzhou")
        clock.advance(int(HOLD_S_MAX * 1_000))
        ended = await asyncio.gather(*crowd, return_exceptions=True)
    assert all(isinstance(one, ResourceExhausted) for one in ended)


async def enter(quotas: Quotas, site_id: str) -> None:
    async with quotas.stream(site_id):
        pass


async def test_a_site_that_was_refused_is_served_one_piece_at_a_time_and_evenly() -> None:
    clock = ManualClock()
    quotas = Quotas(clock, LIMITS)
    with pytest.raises(ResourceExhausted):
        quotas.take("lanzhou", 20, 2_001)
        quotas.take("lanzhou", 20, 0)
    served: list[int] = []

    async def work(piece: int) -> None:
        async with quotas.turn("lanzhou"):
            served.append(piece)

    pieces = [asyncio.create_task(work(piece)) for piece in range(3)]
    for done in range(3):
        await clock.until_sleepers(1)
        assert len(served) == done
        clock.advance(1_000 // (2 * LIMITS.frames_per_s))
        await asyncio.gather(pieces[done])
    assert served == [0, 1, 2]
