"""How long from a reading until the scheduler goes by it: servers turn hot and cool in a province
at its usual pace, and each change is looked for in the journal of PLACE.

SITES, SERVERS (of each site) and DURATION_S in the environment change the size.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from hexi.scheduler.v1 import place_pb2
from hexi_contracts import topics
from hexi_kit.kafka.record import Record

from tests.bench.bench_ingest import next_tick, tick
from tests.bench.figures import percentile, show
from tests.bench.pushers import CLOCK, PERIOD_MS, Push, Site, pushing

SITES = int(os.environ.get("SITES", "100"))
SERVERS = int(os.environ.get("SERVERS", "10000"))
DURATION_S = int(os.environ.get("DURATION_S", "60"))
TURNING = 5  # of each site, at each tick
DEADLINE_S = 60


class Visible:
    """When PLACE wrote down that so many servers of a site are hot."""

    def __init__(self) -> None:
        self._seen_s: dict[tuple[str, int], float] = {}
        self._moved = asyncio.Event()

    def hear(self, topic: str, records: Sequence[Record]) -> None:
        for record in records:
            site_id, _, rest = (record.key or b"").decode().partition("/")
            if not rest.startswith("condition/") or record.value is None:
                continue
            said = place_pb2.PlaceJournal.FromString(record.value).condition
            if said.condition == place_pb2.SERVER_CONDITION_HOT:
                self._seen_s[site_id, len(said.servers)] = CLOCK.real_monotonic_s()
        self._moved.set()

    async def since(self, site: Site, sent_s: float) -> float:
        """Seconds from then until the site's newest change could be seen."""
        async with asyncio.timeout(DEADLINE_S):
            while self._seen_s.get((site.site_id, site.hot), 0.0) < sent_s:
                self._moved.clear()
                await self._moved.wait()
        return self._seen_s[site.site_id, site.hot] - sent_s


async def turn(streams: list[Push], visible: Visible, hot: int) -> list[float]:
    """One tick in which servers of each site turn hot or cool; how long until that was seen."""
    at_ms = await next_tick()

    async def say(push: Push, place: int) -> float:
        await CLOCK.sleep(place * PERIOD_MS / 2_000 / len(streams))
        push.site.hot = hot
        requests = push.site.tick(at_ms)
        sent_s = CLOCK.real_monotonic_s()
        await push.send(requests)
        return 1_000 * await visible.since(push.site, sent_s)

    return await asyncio.gather(*(say(push, place) for place, push in enumerate(streams)))


async def run() -> None:
    visible = Visible()
    async with pushing([SERVERS] * SITES, services=("telemetry", "scheduler-worker")) as world:
        await world.province.follow([topics.SCHEDULER_PLACEMENT], visible.hear)
        streams = [await world.push(site) for site in world.sites]
        await tick(streams)
        await turn(streams, visible, TURNING)  # by now PLACE knows all sites
        waits_ms: list[float] = []
        for number in range(DURATION_S * 1_000 // PERIOD_MS):
            waits_ms += await turn(streams, visible, 0 if number % 2 == 0 else TURNING)
        more = {"servers": SITES * SERVERS, "sites": SITES, "changes": len(waits_ms)}
        show("freshness.p50", percentile(waits_ms, 50), "ms", **more)
        show("freshness.p99", percentile(waits_ms, 99), "ms", goal="<= 1000", **more)


def main() -> None:
    asyncio.run(run())
