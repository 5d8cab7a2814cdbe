"""Goal: whatever moment telemetry is killed at, sent = accepted + refused + gaps, each frame once.

Method: a process told to die at the nth passing of a named point, an agent that goes on where the
next process says, and counts taken from the log itself.
"""

from __future__ import annotations

import asyncio

import grpc
import pytest
from hexi.telemetry.v1 import telemetry_pb2
from hexi_contracts.topics import TELEMETRY_FRAME, TELEMETRY_GAP
from hexi_kit.ids import seeded

pytestmark = pytest.mark.integration

POINTS = (
    "telemetry.before_log:3",
    "telemetry.after_log:3",
    "telemetry.after_ledger:2",
    "telemetry.before_windows:1",  # all frames may come in one batch, and pass it once
    "telemetry.after_windows:1",
    "outbox.after_publish:1",
)
# All the ways a call ends whose other side was killed.
BROKEN = (grpc.aio.AioRpcError, ConnectionError, TimeoutError, asyncio.InvalidStateError)
SENT = 60
SKIPPED = frozenset({7, 8, 31})
TOO_EARLY = frozenset({12, 40})


def spool_of(maker) -> dict[int, telemetry_pb2.SignedFrame]:
    """What an agent has on disk: some numbers lost, some frames that must be refused."""
    spool = {}
    for number in range(1, SENT + 1):
        early_ms = 3_600_000 if number in TOO_EARLY else 0
        frame = maker.frame(observed_at_ms=maker.now_ms + early_ms)
        if number not in SKIPPED:
            spool[number] = frame
    return spool


async def send_all(world, maker, spool, dice) -> None:
    """Until everything is decided or the connection breaks."""
    session = await world.open(maker)
    left = [frame for number, frame in spool.items() if number >= session.resume.next_sequence]
    while left:
        count = dice.randint(1, 6)
        await session.push(*left[:count])
        left = left[count:]


@pytest.mark.parametrize("point", POINTS)
async def test_killed_and_started_again(world, point: str) -> None:
    dice = seeded(len(point))
    await world.publish_site()
    # Takes in what other tests left on the log, so that the point is passed for our frames.
    await (await world.start("before")).stop()
    dying = await world.start("dying", HEXI_FAULTS=point)
    maker = world.maker()
    spool = spool_of(maker)

    try:
        async with asyncio.timeout(20):
            await send_all(world, maker, spool, dice)
    except BROKEN:
        pass
    async with asyncio.timeout(20):
        await dying.child.wait()
    await world.start("reborn")
    await send_all(world, maker, spool, dice)

    frames = await world.of_site(TELEMETRY_FRAME)
    numbers = [telemetry_pb2.Frame.FromString(one.frame).sequence for one in frames]
    assert numbers == sorted(spool.keys() - TOO_EARLY)
    gaps = await world.until_site_has(TELEMETRY_GAP, 4)
    missing = {n for gap in gaps for n in range(gap.first_sequence, gap.last_sequence + 1)}
    assert missing == SKIPPED | TOO_EARLY
    status = await world.status()
    assert status.decided_through == SENT
    assert (status.accepted, status.refused, status.missing) == (55, 2, 3)
