"""Goal: whoever asks a real telemetry gets every accepted reading once, also when it was killed
with minutes in memory. Method: a process that is killed, and half of all readings, so that one
counted twice would show."""

from __future__ import annotations

import asyncio
import signal

import pytest
from hexi.telemetry.v1 import series_pb2
from hexi.telemetry.v1 import series_service_pb2 as rpc
from hexi.telemetry.v1.series_service_pb2_grpc import SeriesServiceStub
from hexi_kit.clock import SystemClock
from hexi_kit.identity import Principal
from hexi_kit.rpc.channel import open_channel

pytestmark = pytest.mark.integration
MINUTE_MS = 60_000
MINUTES = 5
SPACING_MS = 20_000
HALF = 500_000


async def test_minutes_in_memory_survive_a_kill(world) -> None:
    await world.publish_site()
    first = await world.start("killed before anything was kept")
    maker = world.maker()
    start_ms = (maker.now_ms // MINUTE_MS - 20) * MINUTE_MS
    moments = range(start_ms + SPACING_MS, start_ms + (MINUTES + 2) * MINUTE_MS, SPACING_MS)
    frames = [maker.frame(observed_at_ms=at_ms) for at_ms in moments]

    session = await world.open(maker)
    await session.push(*frames[:2])
    await kill(first)
    second = await world.start("killed between two minutes")
    session = await world.open(maker)
    await session.push(*frames[2:11])
    await until_half_of(world, start_ms, 2)
    await kill(second)
    await world.start("third")
    session = await world.open(maker)
    await session.push(*frames[11:])

    whole = await until_half_of(world, start_ms, MINUTES)
    assert list(whole.revision) == [1] * MINUTES
    assert set(whole.mean) == {250.0}
    assert set(whole.servers) == {40}
    assert world.site in await watched(world)


async def kill(service) -> None:
    service.child.signal(signal.SIGKILL)
    await service.child.wait()


async def ask(world, start_ms: int, minutes: int) -> series_pb2.Series:
    identity = world.pki.identity(Principal("operator", "1"))
    async with open_channel(world.address, identity) as channel:
        request = rpc.QuerySeriesRequest(
            site_id=world.site,
            metric=1,
            from_ms=start_ms,
            to_ms=start_ms + minutes * MINUTE_MS,
            step_ms=MINUTE_MS,
        )
        return (await SeriesServiceStub(channel).QuerySeries(request)).series


async def watched(world) -> list[str]:
    """The sites of the first picture."""
    identity = world.pki.identity(Principal("soc", "1"))
    async with open_channel(world.address, identity) as channel:
        picture = await SeriesServiceStub(channel).WatchSites(rpc.WatchSitesRequest()).read()
        return [site.site_id for site in picture.sites]


async def until_half_of(world, start_ms: int, minutes: int) -> series_pb2.Series:
    """Wait until these minutes are kept; never may one have more than was sent."""
    async with asyncio.timeout(30):
        while True:
            found = await ask(world, start_ms, minutes)
            assert max(found.coverage_ppm) <= HALF
            if min(found.coverage_ppm) == HALF:
                return found
            await SystemClock().sleep(0.2)
