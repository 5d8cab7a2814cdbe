"""As many servers a second as telemetry takes, both cores shared with sender, broker and database.

SITES and SERVERS (of each site) and TICKS in the environment change the size; frames are made and
signed before the watch is started.
"""

from __future__ import annotations

import asyncio
import os

from tests.bench.figures import percentile, show
from tests.bench.pushers import CLOCK, METRICS, PERIOD_MS, SIGNATURE, Push, Request, pushing

SITES = int(os.environ.get("SITES", "20"))
SERVERS = int(os.environ.get("SERVERS", "50000"))
TICKS = int(os.environ.get("TICKS", "12"))
WARM_TICKS = 2
NO_QUOTA = {
    "HEXI_TELEMETRY_SITE_BYTES_PER_S": str(2**30),
    "HEXI_TELEMETRY_SITE_BURST_BYTES": str(2**32),
}


async def run() -> None:
    async with pushing([SERVERS] * SITES, NO_QUOTA) as world:
        streams = [await world.push(site) for site in world.sites]
        start_ms = CLOCK.now_ms() - (TICKS + WARM_TICKS) * PERIOD_MS
        for tick in range(WARM_TICKS):
            await push([(s, s.site.tick(start_ms + tick * PERIOD_MS)) for s in streams])
        moments = [start_ms + tick * PERIOD_MS for tick in range(WARM_TICKS, WARM_TICKS + TICKS)]
        made = [(s, [r for at_ms in moments for r in s.site.tick(at_ms)]) for s in streams]
        for site in world.sites:
            site.waits_ms.clear()
        began_s, before_s = CLOCK.real_monotonic_s(), world.cpu_s()
        await push(made)
        elapsed_s, busy_s = CLOCK.real_monotonic_s() - began_s, world.cpu_s() - before_s
        servers = TICKS * sum(site.servers for site in world.sites)
        waits_ms = [wait for site in world.sites for wait in site.waits_ms]
        about = {"metrics": len(METRICS), "signature": SIGNATURE}
        show("ingest_max.servers_per_s", servers / elapsed_s, "servers/s", goal=">= 1000000")
        show("ingest_max.servers_per_cpu_s", servers / busy_s, "servers/s", **about)
        show("ingest_max.cores", busy_s / elapsed_s, "cores", seconds=elapsed_s)
        show("ingest_max.ack_p99", percentile(waits_ms, 99), "ms")
        ledger = await world.ledger()
        expected = sum(site.sequence for site in world.sites)
        show("ingest_max.accepted_of_expected", ledger["accepted"] / expected, "ratio", **ledger)


async def push(made: list[tuple[Push, list[Request]]]) -> None:
    async def one(stream: Push, requests: list[Request]) -> None:
        await stream.send(requests)
        await stream.decided(stream.site.sequence)

    await asyncio.gather(*(one(stream, requests) for stream, requests in made))


def main() -> None:
    asyncio.run(run())
