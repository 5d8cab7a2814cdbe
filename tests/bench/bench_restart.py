"""kill -9 of the scheduler worker with 100,000 live placements → the next placement."""

from __future__ import annotations

import asyncio

from hexi_contracts import topics
from hexi_kit import ids
from hexi_kit.clock import SystemClock

from tests.bench.bench_e2e import BATCH, OUTSTANDING_MAX, SERVICES, Placements, batch, submit
from tests.bench.figures import show
from tests.bench.province import Province, running

SERVERS = 12_000
LIVE = 100_000
ROUNDS = 3
PROBE_EVERY_S = 0.05

clock = SystemClock()


async def placed(placements: Placements, wanted: int) -> None:
    while len(placements.seen) < wanted:
        await clock.sleep(PROBE_EVERY_S)


async def next_placement_s(province: Province, placements: Placements, key: str) -> float:
    """Kill the worker, submit one workload, wait for its placement record."""
    restarts = province.hexi.restarts["scheduler-worker"]
    began_s = clock.real_monotonic_s()
    province.hexi.kill("scheduler-worker")
    (name,) = await submit(province, key, batch(1))
    placement_id = ids.derive("placement", name, 1)
    while placement_id not in placements.seen:
        await clock.sleep(PROBE_EVERY_S)
    took_s = placements.seen[placement_id] - began_s
    await province.hexi.until_ready("scheduler-worker", restarts + 1)
    return took_s


async def run() -> None:
    async with running(SERVICES) as province:
        await province.admit(SERVERS)
        placements = Placements()
        await province.follow([topics.SCHEDULER_PLACEMENT], placements.apply)
        for number in range(LIVE // BATCH):
            await placed(placements, number * BATCH - OUTSTANDING_MAX)
            await submit(province, f"live-{number}", batch(BATCH))
        await placed(placements, LIVE)
        took = [
            await next_placement_s(province, placements, f"probe-{number}")
            for number in range(ROUNDS)
        ]
    show("restart.to_next_placement", sorted(took)[len(took) // 2], "s", live=LIVE, rounds=took)


def main() -> None:
    asyncio.run(run())
