"""The packing engine through Kafka: a mix of shapes at a fixed rate, then as fast as it goes.

Requests are laid ready as bytes and go straight to ROUTE's topic, since a sender's cost is not the
scheduler's; the api runs beside it and follows both journals. The last figure is through the api.
WORKERS=2 in the environment takes two workers, which share the partitions.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
from collections.abc import Iterator

from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import workload_pb2
from hexi_kit.kafka.producer import EventProducer

from tests.bench.bench_e2e import SERVICES, Load, clock, steady
from tests.bench.figures import show, show_latencies
from tests.bench.placement_log import PlacementLog, following
from tests.bench.province import Province, running
from tests.bench.request_log import Ready, Specs, laid_ready, send

SEED = 42
SERVERS = 60_000
WITH_WORKERS = {"1": SERVICES, "2": (*SERVICES, "scheduler-worker-2")}
WORKERS = os.environ.get("WORKERS", "1")
# Workloads a second, in one request, for so long, of which the first part does not count.
STEADY = ((1_000, 20, 20.0, 8.0), (5_000, 100, 60.0, 20.0))
API_RATE, API_SIZE, API_S, API_WARM_S = 5_000, 100, 30.0, 10.0
SATURATED_S, SATURATED_MAX, SATURATED_SIZE = 40.0, 400_000, 500
# Sent and not yet placed: enough to keep everybody busy, not a queue of minutes.
OUTSTANDING_MAX, BACK_PRESSURE_S = 10_000, 0.005
SETTLE_S, SETTLE_POLL_S = 10.0, 1.0
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
            # Not one that may wait: in the evening it would, for the cheaper hours of the night.
            template=workload_pb2.TEMPLATE_INFERENCE,
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


class Sender:
    """Sends what was laid ready and knows when each placement was read back."""

    def __init__(self, producer: EventProducer, placements: PlacementLog, specs: Specs) -> None:
        self._producer, self._placements, self._specs = producer, placements, specs

    async def steady(self, rate: int, size: int, seconds: float, warm_s: float) -> None:
        """A fixed rate: latency from the call of send to the record read back."""
        ready = self._ready(f"steady-{rate}", size, int(seconds * rate / size), rate)
        called: list[float] = []
        tasks: list[asyncio.Task[None]] = []
        began_s = clock.real_monotonic_s()
        for number, request in enumerate(ready):
            due_s = began_s + number * size / rate
            await clock.sleep(max(0.0, due_s - clock.real_monotonic_s()))
            called.append(clock.real_monotonic_s())
            tasks.append(asyncio.create_task(send(self._producer, request, clock.now_ms())))
        await asyncio.gather(*tasks)
        await self._settled()
        seen = self._placements.seen
        waits_ms: list[float] = []
        unplaced = 0
        for request, at_s in zip(ready, called, strict=True):
            unplaced += sum(p not in seen for p in request.placements)
            if at_s >= began_s + warm_s:
                waits_ms += [1_000 * (seen[p] - at_s) for p in request.placements if p in seen]
        show_latencies("placement-kafka", rate, waits_ms, unplaced, workers=int(WORKERS))

    async def saturated(self) -> None:
        """As fast as placements come back: the rate of placement records."""
        size = SATURATED_SIZE
        ready = self._ready("saturated", size, SATURATED_MAX // size, SATURATED_MAX)
        placements, sent = self._placements, 0
        before, records = len(placements.seen), placements.records
        began_s = clock.real_monotonic_s()
        tasks: list[asyncio.Task[None]] = []
        for request in ready:
            while sent - (placements.records - records) >= OUTSTANDING_MAX:
                await clock.sleep(BACK_PRESSURE_S)
            if clock.real_monotonic_s() - began_s >= SATURATED_S:
                break
            tasks.append(asyncio.create_task(send(self._producer, request, clock.now_ms())))
            sent += size
        # In this order: to read the keys takes seconds, in which nothing is placed.
        elapsed_s = clock.real_monotonic_s() - began_s
        placed = len(placements.seen) - before
        await asyncio.gather(*tasks)
        more = {"seconds": round(elapsed_s, 1), "workers": int(WORKERS)}
        show("placement-kafka.placements_per_s", placed / elapsed_s, "1/s", **more)

    def _ready(self, name: str, size: int, count: int, rate: int) -> list[Ready]:
        def moments() -> Iterator[int]:
            now_ms = clock.now_ms()
            return (now_ms + number * size * 1_000 // rate for number in range(count))

        ready = list(laid_ready(name, self._specs, size, moments()))
        # What is laid ready is large and stays: collecting it would be taken for latency.
        gc.collect()
        gc.freeze()
        return ready

    async def _settled(self) -> None:
        """Until nothing more comes: to read the keys before would hold up what still does."""
        records = -1
        for _ in range(int(SETTLE_S / SETTLE_POLL_S)):
            if self._placements.records == records:
                return
            records = self._placements.records
            await clock.sleep(SETTLE_POLL_S)


async def measure(province: Province, placements: PlacementLog) -> None:
    identity = province.cast.of("supervisor")
    producer = EventProducer(province.hexi.kafka, identity, "bench", clock)
    await producer.start()
    try:
        specs = mixed()
        sender = Sender(producer, placements, specs)
        for rate, size, seconds, warm_s in STEADY:
            await sender.steady(rate, size, seconds, warm_s)
        await sender.saturated()
        through_api = Load("placement-kafka.api", specs, API_RATE, API_SIZE, API_S, API_WARM_S)
        await steady(province, placements, through_api)
    finally:
        await producer.stop()


async def run() -> None:
    async with running(WITH_WORKERS[WORKERS]) as province:
        await province.admit(SERVERS)
        async with following(province) as placements:
            await measure(province, placements)


def main() -> None:
    if WORKERS not in WITH_WORKERS:
        raise SystemExit(f"WORKERS: expected {' or '.join(WITH_WORKERS)}, was {WORKERS!r}")
    asyncio.run(run())
