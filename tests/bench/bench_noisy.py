"""What one site at a hundred times its quota costs the others: quiet and noisy phases in turn.

PHASES (of each kind) and PHASE_S in the environment change the length.
"""

from __future__ import annotations

import asyncio
import os
from statistics import median

from tests.bench.figures import percentile, show
from tests.bench.flooder import Flood, Flooder
from tests.bench.pushers import CLOCK, Push, Pushing, pushing

PHASES = int(os.environ.get("PHASES", "6"))
PHASE_S = int(os.environ.get("PHASE_S", "8"))
HONEST = 20
SERVERS = 1_000
QUOTA_PER_S = 10
TIMES = 100
LIMITS = {
    "HEXI_TELEMETRY_SITE_FRAMES_PER_S": str(QUOTA_PER_S),
    "HEXI_TELEMETRY_SITE_BURST_FRAMES": str(2 * QUOTA_PER_S),
}


async def run() -> None:
    async with pushing([SERVERS] * (HONEST + 1), LIMITS) as world:
        honest = [await world.push(site) for site in world.sites[:HONEST]]
        for stream in honest:
            await stream.send(stream.site.tick(CLOCK.now_ms()))
            await stream.decided(1)
        with Flooder(flood_of(world)) as flooder:
            quiet, noisy, cpu_s = [], [], {"quiet": 0.0, "noisy": 0.0}
            for _ in range(PHASES):
                for kind, found in (("quiet", quiet), ("noisy", noisy)):
                    (flooder.begin if kind == "noisy" else flooder.pause)()
                    await CLOCK.sleep(1)
                    before_s = world.cpu_s()
                    found.append(await phase(honest))
                    cpu_s[kind] += world.cpu_s() - before_s
        for kind, found in (("quiet", quiet), ("noisy", noisy)):
            for percent in (50, 99):
                value = median(percentile(waits_ms, percent) for waits_ms in found)
                cores = cpu_s[kind] / PHASES / PHASE_S
                show(f"noisy.{kind}_ack_p{percent}", value, "ms", cores=round(cores, 3))
        ratios = [percentile(n, 99) / percentile(q, 99) for q, n in zip(quiet, noisy, strict=True)]
        show("noisy.p99_ratio", median(ratios), "ratio", goal="<= 1.1", phases=PHASES)
        flooded = world.sites[-1].site_id
        show("noisy.flooded_accepted", await world.accepted(flooded), "frames", times=TIMES)


async def phase(streams: list[Push]) -> list[float]:
    """Every honest site pushes a frame a second, each in its own moment of it."""

    async def one(stream: Push, place: int) -> None:
        await CLOCK.sleep(place / len(streams))
        began_s = CLOCK.real_monotonic_s()
        for second in range(1, PHASE_S):
            await stream.send(stream.site.tick(CLOCK.now_ms()))
            await stream.decided(stream.site.sequence)
            await CLOCK.sleep(max(0.0, began_s + second - CLOCK.real_monotonic_s()))

    await asyncio.gather(*(one(stream, place) for place, stream in enumerate(streams)))
    waits_ms = [wait for stream in streams for wait in stream.site.waits_ms]
    for stream in streams:
        stream.site.waits_ms.clear()
    return waits_ms


def flood_of(world: Pushing) -> Flood:
    site = world.sites[-1]
    start_ms = CLOCK.now_ms()
    made = [request for tick in range(600) for request in site.tick(start_ms + tick)]
    frames = [request.data for request in made if request.number]
    opening = [site.hello(), *(request.data for request in made if not request.number)]
    address = world.province.hexi.addresses["telemetry"]
    return Flood(address, site.identity, opening, frames, TIMES * QUOTA_PER_S)


def main() -> None:
    asyncio.run(run())
