"""A million servers, 70 % full, in process: ROUTE and PLACE by their pure steps, work that comes
and goes by the shapes of the openb trace; and what a decision costs by the number of servers.

SERVERS, SITES and PLACEMENTS in the environment change the size.
"""

from __future__ import annotations

import gc
import os
import random
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pygal
from hexi_kit import huge_pages
from hexi_scheduler.domain.facts import Server, ServerSet, SiteFacts
from hexi_scheduler.domain.owed import Report
from hexi_scheduler.domain.place.place_commands import Place, PlaceItem, Release
from hexi_scheduler.domain.place.policy import Packing
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.site_offer import offer_of
from hexi_scheduler.domain.place.step_place import step as place
from hexi_scheduler.domain.placement import Placement, PlacementState
from hexi_scheduler.domain.route import router as router_module
from hexi_scheduler.domain.route.route import HearOffers, HearReports, Route, RouteState, Submit
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.route.step_route import step as route
from hexi_scheduler.domain.rules import Rules
from hexi_scheduler.domain.workload import Constraints, Demand, Resources, Workload
from hexi_scheduler.settings import packing_rules, route_policy
from pygal.style import LightStyle

from tests.bench import openb_trace
from tests.bench.figures import percentile, show

SERVERS = int(os.environ.get("SERVERS", "1000000"))
SITES = int(os.environ.get("SITES", "100"))
PLACEMENTS = int(os.environ.get("PLACEMENTS", "200000"))
FLEETS = (1_000, 10_000, 100_000, 1_000_000)
REGIONS = 10
FULL = 0.7
FILL_REPLICAS = 32  # what fills a site before we measure comes in gangs: fewer names, same servers
PER_RACK = 20
PER_SITE = 10_000
PLOT = Path(os.environ.get("HEXI_STATE_DIR", ".hexi")) / "bench" / "placement.svg"
PER_MS, PER_OFFER = 50, 25_000
SERVERS_PER_OFFER = 4  # a small fleet must tell what came free sooner, or ROUTE sends it no more
WHOLE = 1_000
COMPILED = not str(router_module.__file__).endswith(".py")  # by ./task compile
POLICY = Packing(packing_rules())
RULES = Rules(packing=packing_rules())


class World(NamedTuple):
    """Sites, their router, and the shapes that are drawn from."""

    dice: random.Random
    router: Router
    sites: dict[str, Site]
    demands: list[list[Demand]]  # by region


def build(servers: int, sites: int, seed: int) -> World:
    """Sites of equal size with the nodes of the trace, in racks of one kind each."""
    dice = random.Random(seed)
    nodes = openb_trace.nodes("all")
    classes = sorted({node.model or "general" for node in nodes})
    world = World(dice, Router(route_policy(), RULES), {}, _demands(min(REGIONS, sites)))
    for number in range(sites):
        name = f"site-{number:03}"
        site = world.sites[name] = Site(name)
        prices = tuple((c, 1_000 + 100 * rank + number) for rank, c in enumerate(classes))
        site.apply(SiteFacts(1, True, f"region-{number % REGIONS}", 3, True, 1_200, 200, prices))
        racks = []
        for rack, node in enumerate(dice.choices(nodes, k=-(-servers // sites // PER_RACK))):
            kind = node.model or "general"
            server = Server(f"r{rack}", kind, "fleet", *node[1:4])
            racks += [server] * PER_RACK
        site.apply(ServerSet(1, tuple(racks[: servers // sites])))
    return world


def _demands(regions: int) -> list[list[Demand]]:
    pods = openb_trace.pods()
    made: dict[tuple[object, int], Demand] = {}
    by_region = []
    for region in range(regions):
        where = Constraints(regions=(f"region-{region}",))
        for pod in pods:
            asked = Resources(pod.cpu_milli, pod.memory_mib, pod.devices, pod.milli or WHOLE)
            made.setdefault((pod, region), Demand(asked, constraints=where))
        by_region.append([made[pod, region] for pod in pods])
    return by_region


def fill(world: World) -> tuple[list[tuple[str, str]], int]:
    """Each site by itself to 70 % of its accelerators; the names of a part that may go again."""
    live, count = [], 0
    for name, site in world.sites.items():
        total = sum(kind.accelerators_all for kind in site.capacity.kinds.values()) * WHOLE
        free = sum(pool.device_milli for pool in site.capacity.pools.values())
        replicas = max(1, min(FILL_REPLICAS, len(site.capacity.servers) // 300))
        while free > total * (1 - FULL):
            count += 1
            demand = world.dice.choice(world.demands[0])._replace(constraints=Constraints())
            single = count % 8 == 0
            if not single:
                demand = demand._replace(replicas=replicas)
            item = PlaceItem(f"f{count}", 1, Workload(f"f{count}", "t", demand))
            placed = place(site, Place((item,)), count, POLICY)[0]
            if isinstance(placed, Placement) and placed.state is PlacementState.PLACED:
                if single:
                    live.append((name, item.placement_id))
            else:
                del site.placements[item.placement_id], site.finished[item.placement_id]
            free = sum(pool.device_milli for pool in site.capacity.pools.values())
    return live, count


def hear(world: World, live: list[tuple[str, str]], now_ms: int) -> None:
    """ROUTE hears what all sites offer now, and sends there who has waited for it."""
    for site in world.sites.values():
        site.revision += 1  # as its stage does: what is not newer is not heard
    offers = tuple(filter(None, (offer_of(site, RULES) for site in world.sites.values())))
    for event in route(world.router, HearOffers(offers), now_ms):
        if isinstance(event, Route):
            _place(world, live, event, now_ms)


def _place(world: World, live: list[tuple[str, str]], chosen: Route, now_ms: int) -> None:
    if chosen.state is RouteState.ROUTED:
        name = chosen.workload.workload_id
        item = PlaceItem(name, chosen.attempt, chosen.workload)
        place(world.sites[chosen.site_id], Place((item,)), now_ms, POLICY)
        live.append((chosen.site_id, name))


def draw(world: World, count: int, at_ms: int) -> list[Workload]:
    """Work of all regions by turns, as its senders have it ready."""
    dice, demands = world.dice, world.demands
    return [
        Workload(f"m{at_ms}-{n}", "t", dice.choice(demands[n % len(demands)]), 0, 0, at_ms)
        for n in range(count)
    ]


def measure(
    world: World, live: list[tuple[str, str]], work: list[Workload], now_ms: int
) -> list[float]:
    """Microseconds of each arrival, ROUTE and PLACE; as much as comes goes again between."""
    spent: list[float] = []
    router, full = world.router, len(live)
    servers = sum(len(site.capacity.servers) for site in world.sites.values())
    per_offer = min(PER_OFFER, servers // SERVERS_PER_OFFER)
    for number, workload in enumerate(work):
        began = time.perf_counter()
        for chosen in route(router, Submit((workload,)), now_ms):
            if isinstance(chosen, Route):
                _place(world, live, chosen, now_ms)
        spent.append(1e6 * (time.perf_counter() - began))
        if len(live) > full:
            _release(world, live, now_ms)
        if number % PER_MS == 0:
            now_ms += 1
        if number % per_offer == 0:
            hear(world, live, now_ms)
    return spent


def _release(world: World, live: list[tuple[str, str]], now_ms: int) -> None:
    """One that runs somewhere goes, and both stages forget it."""
    at = int(world.dice.random() * len(live))
    live[at], live[-1] = live[-1], live[at]
    site_id, name = live.pop()
    site = world.sites[site_id]
    for event in place(site, Release(name, ""), now_ms, POLICY):
        owed = tuple(debt for debt in site.owed(event) if isinstance(debt, Report))
        if owed and owed[0].workload_id in world.router.routes:
            route(world.router, HearReports(owed), now_ms)
    site.placements.pop(name, None)
    site.finished.pop(name, None)


class Half(NamedTuple):
    """What one process took to build, fill and place, each arrival, and who waits for room."""

    build_s: float
    fill_s: float
    place_s: float
    arrivals_us: list[float]
    waiting: int


def half(job: tuple[int, int, int, int]) -> Half:
    servers, sites, count, seed = job
    gc.disable()
    began = time.perf_counter()
    world = build(servers, sites, seed)
    built = time.perf_counter()
    live, filled = fill(world)
    hear(world, live, filled)
    ready = time.perf_counter()
    # Rows of all shapes are made once.
    measure(world, live, draw(world, count // 4, filled), filled)
    work = draw(world, count, filled + count)
    gc.freeze()
    huge_pages.collapse()  # as a worker does when it has recovered
    start = time.perf_counter()
    spent = measure(world, live, work, filled + count)
    took_s = time.perf_counter() - start
    routes = [world.router.routes.get(one.workload_id) for one in work]
    waiting = sum(one is not None and one.state is RouteState.WAITING for one in routes)
    return Half(built - began, ready - built, took_s, spent, waiting)


def province(processes: int) -> None:
    job = (SERVERS // processes, max(1, SITES // processes), PLACEMENTS // processes)
    with ProcessPoolExecutor(processes) as pool:
        found = list(pool.map(half, [(*job, seed) for seed in range(processes)]))
        rss = list(pool.map(_rss_mib, range(processes)))
    more = {"processes": processes, "servers": SERVERS, "sites": SITES, "compiled": COMPILED}
    spent = [us for one in found for us in one.arrivals_us]
    show("placement.build", max(one.build_s for one in found), "s", **more)
    show("placement.fill", max(one.fill_s for one in found), "s", **more)
    waiting = sum(one.waiting for one in found)
    rate = sum((len(one.arrivals_us) - one.waiting) / one.place_s for one in found)
    show("placement.rate", rate, "1/s", **more)
    show("placement.waiting", 100 * waiting / len(spent), "%", **more)
    show("placement.arrivals_and_releases", 2 * rate, "1/s", **more)
    show("placement.p50", percentile(spent, 50), "us", **more)
    show("placement.p99", percentile(spent, 99), "us", **more)
    show("placement.rss", sum(rss) if processes == 1 else max(rss) * processes, "MiB", **more)


def _rss_mib(_: int) -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def by_servers() -> None:
    """Sites of 10,000 servers, more and more of them: what a decision costs as a fleet grows."""
    p50, pair = [], []
    fleets = [size for size in FLEETS if size <= SERVERS]
    for servers in fleets:
        found = half((servers, max(1, servers // PER_SITE), PLACEMENTS // 4, 1))
        p50.append(percentile(found.arrivals_us, 50))
        pair.append(1e6 * found.place_s / len(found.arrivals_us))
        waiting = 100 * found.waiting / len(found.arrivals_us)
        show("placement.decision", p50[-1], "us", servers=servers, at="p50", waiting=waiting)
        show("placement.decision", pair[-1], "us", servers=servers, at="pair", waiting=waiting)
    plot = pygal.Line(title="Cost of a decision, µs", x_title="servers", style=LightStyle)
    plot.x_labels = [f"{servers:,}" for servers in fleets]
    plot.add("arrival, p50", p50)
    plot.add("arrival and release, mean", pair)
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    plot.render_to_file(str(PLOT))
    sys.stderr.write(f"{PLOT}\n")


def main() -> None:
    if not openb_trace.present():
        sys.stderr.write("no openb trace (HEXI_DATA): a seeded mix instead\n")
    for processes in (1, 2):
        province(processes)
    by_servers()


if __name__ == "__main__":
    main()
