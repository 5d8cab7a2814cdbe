"""The packing engine through Kafka: a mix of shapes at a fixed rate, then as fast as it goes."""

from __future__ import annotations

import asyncio
import random

from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import workload_pb2
from hexi_contracts import topics

from tests.bench.bench_e2e import SERVICES, Load, Placements, Specs, saturated, steady
from tests.bench.province import running

SEED = 42
SERVERS = 60_000
RATES = ((1_000, 20), (5_000, 100))
# Weight, milli-vCPU, MiB, accelerators, share of each in thousandths: nothing ends, so the mix is
# one that the fleet still has room for at the end.
SHAPES = (
    (500, 1_000, 1_024, 0, 0),
    (200, 2_000, 2_048, 0, 0),
    (150, 500, 1_024, 1, 100),
    (100, 1_000, 2_048, 1, 250),
    (40, 2_000, 4_096, 1, 500),
    (8, 4_000, 8_192, 1, 1_000),
    (2, 8_000, 32_768, 4, 1_000),
)


def mixed() -> Specs:
    """Shapes drawn by weight."""
    drawn = random.Random(SEED)
    specs = [
        workload_pb2.WorkloadSpec(
            name="bench",
            template=workload_pb2.TEMPLATE_RENDER,
            replicas=1,
            resources=common_pb2.Resources(
                cpu_milli=cpu,
                memory_mib=memory,
                accelerators=accelerators,
                accelerator_milli=milli,
            ),
            duration_s=3_600,
        )
        for _, cpu, memory, accelerators, milli in SHAPES
    ]
    weights = [shape[0] for shape in SHAPES]
    return lambda size: drawn.choices(specs, weights, k=size)


async def run() -> None:
    async with running(SERVICES) as province:
        await province.admit(SERVERS)
        placements = Placements()
        tail = province.tail([topics.SCHEDULER_PLACEMENT], placements.apply)
        await tail.caught_up.wait()
        for rate, size in RATES:
            await steady(province, placements, Load("placement-kafka", mixed(), rate, size))
        await saturated(province, placements, Load("placement-kafka", mixed()))


def main() -> None:
    asyncio.run(run())
