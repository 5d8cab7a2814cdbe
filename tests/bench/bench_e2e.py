"""SubmitWorkloads → placement record on Kafka, one scheduler worker, everything on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi.scheduler.v1 import workload_pb2
from hexi_contracts import topics
from hexi_kit import ids
from hexi_kit.clock import SystemClock
from hexi_kit.kafka.record import Record

from tests.bench.figures import show, show_latencies
from tests.bench.province import TENANT, Province, running

SERVICES = ("inventory", "scheduler", "scheduler-worker")
SERVERS = 12_000
SATURATED_S = 60.0
BATCH, SUBMITTERS, BACK_PRESSURE_S = 500, 2, 0.01
# Submitted and not yet placed: enough to keep everybody busy, not a queue of minutes.
OUTSTANDING_MAX = 10_000
STEADY_S, STEADY_WARM_S = 60.0, 20.0
SETTLE_S = 10.0

Specs = Callable[[int], list[workload_pb2.WorkloadSpec]]
clock = SystemClock()


class Seen(Protocol):
    """When each placement id was first read back."""

    @property
    def seen(self) -> Mapping[str, float]: ...


class Placements:
    """When each placement id was first read back, and how many there are."""

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        now_s = clock.real_monotonic_s()
        for record in records:
            mark = record.key.find(b"/p/")
            if mark > 0:
                self.seen.setdefault(record.key[mark + 3 :].decode(), now_s)


def batch(size: int) -> list[workload_pb2.WorkloadSpec]:
    spec = workload_pb2.WorkloadSpec(
        name="bench",
        # Not one that may wait: in the evening it would, for the cheaper hours of the night.
        template=workload_pb2.TEMPLATE_INFERENCE,
        replicas=1,
        resources=common_pb2.Resources(cpu_milli=1_000, memory_mib=512),
        duration_s=3_600,
    )
    return [spec] * size


async def submit(province: Province, key: str, specs: list[workload_pb2.WorkloadSpec]) -> list[str]:
    stub = await province.doors.scheduler(f"tenant-{TENANT}")
    request = pb.SubmitWorkloadsRequest(idempotency_key=key, tenant_id=TENANT, workloads=specs)
    return list((await stub.SubmitWorkloads(request, timeout=60)).workload_ids)


@dataclass(frozen=True, slots=True)
class Load:
    """What is submitted, and how the figures are called."""

    name: str
    specs: Specs
    rate: int = 1_000
    batch: int = 20
    seconds: float = STEADY_S
    warm_s: float = STEADY_WARM_S


async def steady(province: Province, placements: Seen, load: Load) -> None:
    """A fixed rate: latency from the call of SubmitWorkloads to the record read back."""
    called: dict[str, float] = {}
    tasks: set[asyncio.Task[None]] = set()

    async def one(number: int) -> None:
        began_s = clock.real_monotonic_s()
        for name in await submit(province, f"steady-{load.rate}-{number}", load.specs(load.batch)):
            called[ids.derive("placement", name, 1)] = began_s

    began_s = clock.real_monotonic_s()
    for number in range(int(load.seconds * load.rate / load.batch)):
        due_s = began_s + number * load.batch / load.rate
        await clock.sleep(max(0.0, due_s - clock.real_monotonic_s()))
        tasks.add(asyncio.create_task(one(number)))
    await asyncio.gather(*tasks)
    await clock.sleep(SETTLE_S)
    warm_s = began_s + load.warm_s
    seen = placements.seen
    waits_ms = [
        1_000 * (seen[p] - at_s) for p, at_s in called.items() if at_s >= warm_s and p in seen
    ]
    unseen = sum(p not in seen for p in called)
    show_latencies(load.name, load.rate, waits_ms, unseen)


async def saturated(province: Province, placements: Placements, load: Load) -> None:
    """As fast as placements come back: the rate of placement records over a minute."""
    before = len(placements.seen)
    began_s = clock.real_monotonic_s()
    sent = 0

    async def submitter(number: int) -> None:
        nonlocal sent
        while clock.real_monotonic_s() - began_s < SATURATED_S:
            if sent - (len(placements.seen) - before) >= OUTSTANDING_MAX:
                await clock.sleep(BACK_PRESSURE_S)
                continue
            sent += BATCH
            await submit(province, f"saturated-{number}-{sent}", load.specs(BATCH))

    async with asyncio.TaskGroup() as group:
        for number in range(SUBMITTERS):
            group.create_task(submitter(number))
    placed = len(placements.seen) - before
    elapsed_s = clock.real_monotonic_s() - began_s
    show(f"{load.name}.placements_per_s", placed / elapsed_s, "1/s", seconds=round(elapsed_s, 1))


async def run() -> None:
    async with running(SERVICES) as province:
        await province.admit(SERVERS)
        placements = Placements()
        await province.follow([topics.SCHEDULER_PLACEMENT], placements.apply)
        load = Load("e2e", batch)
        await steady(province, placements, load)
        await saturated(province, placements, load)


def main() -> None:
    asyncio.run(run())
