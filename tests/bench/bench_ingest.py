"""A province at its usual pace: every server every ten seconds, and what that costs telemetry.

SITES, SERVERS (of each site) and DURATION_S in the environment change the size.
"""

from __future__ import annotations

import asyncio
import os

from tests.bench.figures import percentile, show
from tests.bench.pushers import CLOCK, METRICS, PERIOD_MS, SIGNATURE, Push, Pushing, pushing

SITES = int(os.environ.get("SITES", "100"))
SERVERS = int(os.environ.get("SERVERS", "10000"))
DURATION_S = int(os.environ.get("DURATION_S", "300"))
WARM_TICKS = 2


async def run() -> None:
    async with pushing([SERVERS] * SITES) as world:
        streams = [await world.push(site) for site in world.sites]
        for _ in range(WARM_TICKS):
            await tick(streams)
        for site in world.sites:
            site.waits_ms.clear()
        ticks = DURATION_S * 1_000 // PERIOD_MS
        began_s, before_s = CLOCK.real_monotonic_s(), world.cpu_s()
        for _ in range(ticks):
            await tick(streams)
        elapsed_s = CLOCK.real_monotonic_s() - began_s
        busy_s = world.cpu_s() - before_s
        show("ingest.cores", busy_s / elapsed_s, "cores", goal="<= 0.25", seconds=elapsed_s)
        await tell(world, busy_s / ticks)


async def tick(streams: list[Push]) -> None:
    """At the next whole period every site says all it knows, spread over half the period."""
    at_ms = await next_tick()

    async def say(stream: Push, place: int) -> None:
        await CLOCK.sleep(place * PERIOD_MS / 2_000 / len(streams))
        await stream.send(stream.site.tick(at_ms))
        await stream.decided(stream.site.sequence)

    await asyncio.gather(*(say(stream, place) for place, stream in enumerate(streams)))


async def next_tick() -> int:
    """Wait for the next whole period; when it is."""
    now_ms = CLOCK.now_ms()
    at_ms = now_ms - now_ms % PERIOD_MS + PERIOD_MS
    await CLOCK.sleep((at_ms - now_ms) / 1_000)
    return at_ms


async def tell(world: Pushing, busy_s: float) -> None:
    servers = sum(site.servers for site in world.sites)
    waits_ms = [wait for site in world.sites for wait in site.waits_ms]
    expected = sum(site.sequence for site in world.sites)
    ledger = await world.ledger()
    show(
        "ingest.servers_per_cpu_s",
        servers / busy_s,
        "servers/s",
        metrics=len(METRICS),
        signature=SIGNATURE,
    )
    show("ingest.ack_p50", percentile(waits_ms, 50), "ms")
    show("ingest.ack_p99", percentile(waits_ms, 99), "ms")
    show("ingest.accepted_of_expected", ledger["accepted"] / expected, "ratio", expected=expected)
    show("ingest.gaps", ledger["gaps"], "gaps", **ledger)
    show("ingest.memory", world.process.memory_info().rss / 2**20, "MiB")


def main() -> None:
    asyncio.run(run())
