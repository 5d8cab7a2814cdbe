"""When and where a demand will fit, as the deadlines of what runs now tell."""

from __future__ import annotations

from collections.abc import Collection
from heapq import heapify, heappop
from typing import NamedTuple

from hexi_scheduler.domain.free_server import FreeServer
from hexi_scheduler.domain.leases import FOREVER_MS
from hexi_scheduler.domain.placement import Placement, PlacementState
from hexi_scheduler.domain.site import Site
from hexi_scheduler.domain.workload import Demand

Kind = tuple[str, str]  # class, executor


class Shadow(NamedTuple):
    """Servers that hold the demand once what runs there has ended; FOREVER: nobody knows when."""

    start_ms: int
    class_id: str
    servers: tuple[int, ...]  # one for each replica


def expected_start(site: Site, demand: Demand, at_ms: int) -> int | None:
    """When the demand will fit in this site, if nothing else comes; None where nobody knows."""
    found = shadow(site, demand, at_ms, site.kept)
    return found.start_ms if found and found.start_ms < FOREVER_MS else None


def shadow(site: Site, demand: Demand, at_ms: int, kept: Collection[int] = ()) -> Shadow | None:
    """The earliest start over all classes, then the cheapest; None where it could never fit."""
    ceiling = demand.price_micro_yuan_max
    best: Shadow | None = None
    for price, class_id, _ in site.choices(demand):
        if ceiling and price > ceiling:
            break
        found = _shadow_in(site, (class_id, demand.constraints.executor), demand, at_ms, kept)
        if found is not None and (best is None or found.start_ms < best.start_ms):
            best = found
    return best


def _shadow_in(
    site: Site, kind: Kind, demand: Demand, at_ms: int, kept: Collection[int]
) -> Shadow | None:
    # Servers take part as soon as they hold a replica: first those that do now, by index, then
    # one by one as what runs on them ends.
    trial = _Trial(site, kind, demand, kept)
    ready = trial.ready_now()
    if len(ready) >= demand.replicas:
        return Shadow(at_ms, kind[0], tuple(sorted(ready[: demand.replicas])))
    ends = [_end_of(site, p) for p in site.placements.values() if p.live and is_on(site, p, {kind})]
    heapify(ends)
    while ends:
        end_ms, _, name = heappop(ends)
        ready += trial.without(site.placements[name])
        if len(ready) >= demand.replicas:
            servers = tuple(sorted(ready[: demand.replicas]))
            return Shadow(max(end_ms, at_ms), kind[0], servers)
    return None


def _end_of(site: Site, placement: Placement) -> tuple[int, int, str]:
    """When it ends at the latest; those of whom nobody knows by their age."""
    name = placement.placement_id
    end_ms = site.deadlines.get(name, FOREVER_MS)
    if placement.state is PlacementState.PLACED and placement.workload.duration_s_max:
        end_ms = placement.placed_at_ms + placement.workload.duration_s_max * 1_000
    return end_ms, placement.placed_at_ms, name


def is_on(site: Site, placement: Placement, kinds: Collection[Kind]) -> bool:
    """Whether it is on servers of such a kind, at whatever class's price."""
    server = placement.allocations[0].server
    if not site.capacity.knows(server):
        return False
    of = site.capacity.servers[server]
    return (of.class_id, of.executor) in kinds


class _Trial:
    """Free capacity as it grows, of the servers that may take part; the site stays as it is."""

    def __init__(self, site: Site, kind: Kind, demand: Demand, kept: Collection[int]) -> None:
        self._asked, self._kind, self._capacity = demand.resources, kind, site.capacity
        self._per_server_max = demand.constraints.replicas_per_server_max or demand.replicas
        self._shut = set(kept).union(*site.out.values())
        self._free: dict[int, FreeServer] = {}
        self._held: dict[int, int] = {}

    def ready_now(self) -> list[int]:
        ready: list[int] = []
        for server, said in enumerate(self._capacity.servers):
            if (said.class_id, said.executor) == self._kind and server not in self._shut:
                ready += self._more(server, FreeServer(self._capacity, server))
        return ready

    def without(self, placement: Placement) -> list[int]:
        """The servers, once for each replica, that can hold more when it has ended."""
        asked = placement.workload.demand.resources
        more: list[int] = []
        for part in placement.allocations:
            server = part.server
            if server in self._shut or not self._capacity.knows(server):
                continue
            free = self._free.get(server)
            if free is None:
                free = self._free[server] = FreeServer(self._capacity, server)
            free.give(part, asked)
            more += self._more(server, free)
        return more

    def _more(self, server: int, free: FreeServer) -> list[int]:
        held = min(self._per_server_max, free.replicas(self._asked))
        before = self._held.get(server, 0)
        self._held[server] = held
        return [server] * (held - before)
