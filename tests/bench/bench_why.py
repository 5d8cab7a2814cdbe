"""What an answer to "why" costs: 1,000,000 servers in 128 sites, 70 % full, in the api's process.

The copy of the fleet is fed as the api feeds it, record by record; then work that fits nowhere is
explained: filters, nearest misses and the expected start, as the message that goes out.
"""

from __future__ import annotations

import random
import resource
import time
from typing import Any

from hexi.common.v1 import common_pb2
from hexi.inventory.v1 import inventory_pb2
from hexi.scheduler.v1 import place_pb2, workload_pb2
from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi_scheduler.api.explain import Explainer
from hexi_scheduler.domain.offer import ClassOffer, SiteOffer, SiteStanding
from hexi_scheduler.domain.workload import GENERAL, WHOLE
from hexi_scheduler.settings import route_policy
from hexi_scheduler.store.fleet import FleetView
from hexi_scheduler.store.sites import SiteStateView
from hexi_scheduler.store.view import WorkloadView
from hexi_scheduler.wire.offer import site_state

from tests.bench.figures import percentile, show

SERVERS, SITES = 1_000_000, 128
NOW_MS = 1_800_000_000_000
ROUNDS = 40
# Class, devices, vCPU, GiB and share of the servers: the nodes of the public openb trace, in short.
NODES = (
    ("G2", 8, 96, 768, 30),
    ("T4", 2, 64, 256, 25),
    ("P100", 2, 64, 512, 10),
    ("A10", 1, 128, 256, 5),
    ("V100M32", 8, 96, 384, 5),
    (GENERAL, 0, 94, 256, 25),
)
MODELS = [name for name, *_ in NODES if name != GENERAL]
FULL_PERCENT = 70


def spec(asked: dict[str, Any], **more: Any) -> workload_pb2.WorkloadSpec:
    return workload_pb2.WorkloadSpec(
        resources=common_pb2.Resources(**asked), replicas=more.pop("replicas", 1), **more
    )


FAR = workload_pb2.Constraints(latency_region="east", latency_us_max=1_000)
WAITING = {
    "whole": spec(
        {
            "cpu_milli": 90_000,
            "memory_mib": 700_000,
            "accelerators": 8,
            "accelerator_models": ["G2"],
        }
    ),
    "share": spec({"cpu_milli": 96_000, "accelerators": 1, "accelerator_milli": 900}),
    "gang": spec({"cpu_milli": 60_000, "accelerators": 2}, replicas=1_500),
    "plain": spec({"cpu_milli": 60_000, "memory_mib": 200_000}),
    "far": spec({"cpu_milli": 1_000}, constraints=FAR),
    "dear": spec({"cpu_milli": 1_000, "accelerators": 1}, price_micro_yuan_max=5),
}


def servers_of(site_id: str, count: int, chance: random.Random) -> inventory_pb2.ServerSet:
    nodes = chance.choices(NODES, [node[4] for node in NODES], k=count)
    return inventory_pb2.ServerSet(
        site_id=site_id,
        revision=1,
        racks=["r"],
        rack_index=[0] * count,
        cpu_milli=[cpu * 1_000 for _, _, cpu, _, _ in nodes],
        memory_mib=[gib * 1_024 for _, _, _, gib, _ in nodes],
        accelerator_models=MODELS,
        accelerator_index=[0 if n[0] == GENERAL else MODELS.index(n[0]) + 1 for n in nodes],
        accelerators=[devices for _, devices, _, _, _ in nodes],
    )


def offer_of(site_id: str, said: inventory_pb2.ServerSet) -> SiteOffer:
    """Its sizes; what is free is little, so that nothing has room."""
    classes = [
        ClassOffer(
            name,
            servers=list(said.accelerators).count(devices),
            cpu_milli_largest=cpu * 1_000,
            memory_mib_largest=gib * 1_024,
            accelerators_largest=devices,
            price_micro_yuan=10 + 100 * devices,
        )
        for name, devices, cpu, gib, _ in NODES
    ]
    standing = SiteStanding(True, "gansu", 3, True, 1_200, 200, (("east", 20_000),))
    return SiteOffer(site_id, 1, standing, tuple(sorted(classes)))


def placement(
    name: str, server: int, said: inventory_pb2.ServerSet, chance: random.Random
) -> bytes:
    """One that takes about 70 % of its server; half of them have said how long they run."""
    devices = -(-said.accelerators[server] * FULL_PERCENT // 100) - chance.randrange(2)
    taken = chance.randrange(FULL_PERCENT - 20, FULL_PERCENT + 20)
    asked = common_pb2.Resources(
        cpu_milli=said.cpu_milli[server] * taken // 100,
        memory_mib=said.memory_mib[server] * taken // 100,
        accelerators=max(0, devices),
    )
    work = workload_pb2.WorkloadSpec(resources=asked, replicas=1)
    if chance.randrange(2):
        work.duration_s_max = chance.randrange(600, 86_400)
    record = place_pb2.PlacementRecord(
        placement_id=name,
        state=place_pb2.PLACEMENT_STATE_STARTED,
        workload=workload_pb2.Workload(workload_id=name, tenant_id="t", spec=work),
        placed_at_ms=NOW_MS,
        started_at_ms=NOW_MS,
    )
    record.allocations.add(server=server, devices=range(asked.accelerators), device_milli=WHOLE)
    return place_pb2.PlaceJournal(placement=record).SerializeToString()


def main() -> None:
    chance = random.Random(7)
    view, sites = WorkloadView(), SiteStateView()
    copy = FleetView(view.placements_of, view.placement)
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024
    spent_s = raw_bytes = records = 0
    count = SERVERS // SITES
    for number in range(SITES):
        site_id = f"site-{number:03}"
        said = servers_of(site_id, count, chance)
        sites.set(site_state(offer_of(site_id, said)))
        journal = place_pb2.PlaceJournal()
        journal.server_set.server_set.CopyFrom(said)
        entries = [(f"{site_id}/server-set", journal.SerializeToString())]
        for server in range(count):
            name = f"{site_id}-{server}"
            entries.append((f"{site_id}/p/{name}", placement(name, server, said, chance)))
        began_s = time.thread_time()
        for key, value in entries:
            copy.apply(key, value)
        spent_s += time.thread_time() - began_s
        for key, value in entries:
            view.apply_placement(key, value)
        raw_bytes += sum(len(value) for _, value in entries)
        records += len(entries)
    show("why.apply", 1e6 * spent_s / records, "us", servers=SERVERS, records=records)
    columns = sum(sum(column.nbytes for column in s.rows) for s in copy.fleet.stocks.values())
    columns += sum(d.nbytes for s in copy.fleet.stocks.values() for d in s.devices.values())
    show("why.columns", columns / 1e6, "MB", servers=SERVERS)
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024 - before_mb
    show("why.process", rss_mb, "MB", journal_mb=raw_bytes // 10**6, records=records)
    explain(Explainer(route_policy(), sites, copy))


def explain(explainer: Explainer) -> None:
    """By the clock on the wall, and in processor time, which other work does not disturb."""
    every: list[tuple[float, float]] = []
    for name, asked in WAITING.items():
        message = workload_pb2.Workload(workload_id=name, tenant_id="t", spec=asked)
        waits = pb.WorkloadView(workload=message, state=workload_pb2.WORKLOAD_STATE_WAITING)
        answer = explainer.explain(waits, NOW_MS)
        took = [timed(explainer, waits) for _ in range(ROUNDS)]
        every += took
        nearest, start = answer.now.nearest_miss, answer.expected_start.text
        show(f"why.{name}", median(took, 0), "ms", cpu=median(took, 1), miss=nearest, start=start)
    for percent in (50, 99):
        wall, cpu = (percentile([took[n] for took in every], percent) for n in (0, 1))
        show(f"why.p{percent}", wall, "ms", cpu=round(cpu, 3), servers=SERVERS, sites=SITES)


def timed(explainer: Explainer, waits: pb.WorkloadView) -> tuple[float, float]:
    began_s, began_cpu_s = time.perf_counter(), time.thread_time()
    explainer.explain(waits, NOW_MS)
    return 1e3 * (time.perf_counter() - began_s), 1e3 * (time.thread_time() - began_cpu_s)


def median(took: list[tuple[float, float]], number: int) -> float:
    return round(percentile([one[number] for one in took], 50), 3)
