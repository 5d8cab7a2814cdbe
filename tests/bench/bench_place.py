"""What a placement costs in processor time: by fleet size, and by each part of a worker."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable

from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2
from hexi_kit import ids
from hexi_scheduler.domain.facts import Server, ServerSet, SiteFacts
from hexi_scheduler.domain.place import step_place
from hexi_scheduler.domain.place.place_commands import Place, PlaceItem, Release
from hexi_scheduler.domain.place.policy import Packing
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.site_offer import offer_of
from hexi_scheduler.domain.route import step_route
from hexi_scheduler.domain.route.route import HearOffers, Route
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.workload import Demand, Resources, Workload
from hexi_scheduler.settings import packing_rules, route_policy
from hexi_scheduler.wire import place_commands, place_journal, route
from hexi_scheduler.wire.workload import WorkloadReader

from tests.bench.figures import show

FLEETS = (1_000, 10_000, 100_000, 1_000_000)
PLACEMENTS = 20_000
PER_REQUEST = 500
FACTS = SiteFacts(1, True, "gansu", 3, True, 1_200, 200, (("A100", 900), ("general", 10)))
POLICY = Packing(packing_rules())


def site_of(servers: int) -> Site:
    site = Site("s")
    site.apply(FACTS)
    plain = Server("r", "general", "fleet", 64_000, 262_144, 0)
    accelerated = Server("r", "A100", "fleet", 128_000, 524_288, 8)
    site.apply(ServerSet(1, tuple((plain, accelerated)[i % 2] for i in range(servers))))
    site.revision = 1
    return site


def demands() -> list[Demand]:
    """One in three wants accelerators, whole or shares; the others 1 to 8 vCPU."""
    plain = [Demand(Resources(n * 1_000, n * 4_096)) for n in (1, 2, 4, 8)]
    shares = [Demand(Resources(4_000, 16_384, 1, milli)) for milli in (1_000, 250, 500)]
    return [*plain, *shares[:2], *plain, shares[2]]


def place_rate(servers: int) -> None:
    """Steps of one item each, then as many releases; the state is that of a half full site."""
    site, shapes = site_of(servers), demands()
    items = [
        PlaceItem(f"p{n}", 1, Workload(f"w{n}", "t", shapes[n % len(shapes)]))
        for n in range(min(PLACEMENTS, servers * 8))
    ]
    began_s = time.thread_time()
    for item in items:
        step_place.step(site, Place((item,)), 1, POLICY)
    placed_s = time.thread_time()
    for item in items:
        step_place.step(site, Release(item.placement_id, ""), 2, POLICY)
    released_s = time.thread_time()
    count = len(items)
    show("place.step", 1e6 * (placed_s - began_s) / count, "us", servers=servers)
    show("place.release", 1e6 * (released_s - placed_s) / count, "us", servers=servers)
    show("place.rate", count / (placed_s - began_s), "1/s", servers=servers)


def requests() -> list[bytes]:
    made = []
    shapes = demands()
    for first in range(0, PLACEMENTS, PER_REQUEST):
        workloads = []
        for n in range(first, first + PER_REQUEST):
            asked = shapes[n % len(shapes)].resources
            spec = workload_pb2.WorkloadSpec(
                name=f"w{n}",
                template=workload_pb2.TEMPLATE_INFERENCE,
                replicas=1,
                duration_s=600,
                resources=common_pb2.Resources(
                    cpu_milli=asked.cpu_milli,
                    memory_mib=asked.memory_mib,
                    accelerators=asked.accelerators,
                    accelerator_milli=asked.device_milli % 1_000,
                ),
            )
            workloads.append(
                workload_pb2.Workload(
                    workload_id=ids.derive("bench", n), tenant_id="t", spec=spec, submitted_at_ms=1
                )
            )
        batch = route_pb2.SubmitBatch(workloads=workloads)
        made.append(route_pb2.Request(recorded_at_ms=2, submit=batch).SerializeToString())
    return made


def stages() -> None:
    """From the bytes of a request to the bytes of a placement record, part by part."""
    site, router, reader = site_of(12_000), Router(route_policy()), WorkloadReader()
    step_route.step(router, HearOffers(tuple(filter(None, [offer_of(site)]))), 1)
    head = place_pb2.SiteCommand(site_id="s", recorded_at_ms=2).SerializeToString()
    spent: defaultdict[str, float] = defaultdict(float)

    def timed(name: str, work: Callable[[], object]) -> object:
        began_s = time.thread_time()
        found = work()
        spent[name] += time.thread_time() - began_s
        return found

    for offset, raw in enumerate(requests()):
        asked = timed(
            "route.decode", lambda r=raw: route.request(route_pb2.Request.FromString(r), reader)
        )
        routes = timed("route.step", lambda a=asked: step_route.step(router, a, 2))
        timed("route.encode", lambda e=routes, o=offset: route.entries(e, 0, o))
        routed = [event for event in routes if isinstance(event, Route)]
        orders = timed("route.orders", lambda r=routed: route.orders(r, 700_000))
        for order in orders["s"]:
            message = place_pb2.SiteCommand.FromString(head + order.body)
            said = timed("place.decode", lambda m=message: place_commands.command(m, reader))
            events = timed("place.step", lambda s=said: step_place.step(site, s, 2, POLICY))
            timed("place.encode", lambda e=events, o=offset: place_journal.entries("s", e, 0, o))
    for name, seconds in spent.items():
        show(f"worker.{name}", 1e6 * seconds / PLACEMENTS, "us")
    show("worker.all", 1e6 * sum(spent.values()) / PLACEMENTS, "us", placements=PLACEMENTS)


def main() -> None:
    for servers in FLEETS:
        place_rate(servers)
    stages()
