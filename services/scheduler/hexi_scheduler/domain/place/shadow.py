"""When and where a demand will fit, as the deadlines of what runs now tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from heapq import heapify, heappop
from typing import NamedTuple

from hexi_scheduler.domain.place.free_server import FreeServer
from hexi_scheduler.domain.place.held import held_for
from hexi_scheduler.domain.place.leases import FOREVER_MS
from hexi_scheduler.domain.place.pool import Pool
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.placement import Placement, PlacementState
from hexi_scheduler.domain.workload import Constraints, Demand

Kind = tuple[str, str]  # class, executor
NOTHING: Mapping[str, int] = {}


class Shadow(NamedTuple):
    """Servers that hold the demand once what runs there has ended; FOREVER: nobody knows when."""

    start_ms: int
    class_id: str
    servers: tuple[int, ...]  # one for each replica


def shadow(
    site: Site,
    demand: Demand,
    at_ms: int,
    kept: Collection[int] = (),
    spare: Mapping[str, int] = NOTHING,
) -> Shadow | None:
    """The earliest start over all classes, then the cheapest; None where it could never fit.

    `kept` servers are not for it, and `spare` units of each class stay free beside it.
    """
    ceiling = demand.price_micro_yuan_max
    best: Shadow | None = None
    for price, class_id, _ in site.choices(demand):
        if ceiling and price > ceiling:
            break
        kind = class_id, demand.constraints.executor
        found = _Trial(site, kind, demand, kept).earliest(at_ms, spare.get(class_id, 0))
        if found is not None and (best is None or found.start_ms < best.start_ms):
            best = found
    return best


def _end_of(site: Site, placement: Placement) -> tuple[int, int, str]:
    """When it ends at the latest; those of whom nobody knows by their age."""
    name = placement.placement_id
    end_ms = site.deadlines.get(name, FOREVER_MS)
    if placement.state is PlacementState.PLACED and placement.workload.duration_s_max:
        end_ms = placement.placed_at_ms + placement.workload.duration_s_max * 1_000
    return end_ms, placement.placed_at_ms, name


def is_on(site: Site, placement: Placement, *kinds: Kind) -> bool:
    """Whether it is on servers of such a kind, at whatever class's price."""
    server, capacity = placement.allocations[0].server, site.capacity
    return capacity.knows(server) and capacity.pool(server).kind in kinds


class _Trial:
    """Free capacity as it grows, of the servers that may take part; the site stays as it is.

    Servers take part as soon as they hold a replica: first those that do now, by index, then one by
    one as what runs on them ends.
    """

    def __init__(self, site: Site, kind: Kind, demand: Demand, kept: Collection[int]) -> None:
        self._site, self._kind, self._demand = site, kind, demand
        self._per_server_max = demand.constraints.replicas_per_server_max or demand.replicas
        self._shut = set(kept).union(*site.out.values())
        self._free: dict[int, FreeServer] = {}
        self._held: dict[int, int] = {}
        self._ready: list[int] = []
        self._spread = _Spread(site, demand.constraints)

    def earliest(self, at_ms: int, spare: int) -> Shadow | None:
        site, kind, demand = self._site, self._kind, self._demand
        pool = site.capacity.pools[kind]
        spare += held_for(site, *kind)
        units_left = pool.units_free - demand.units - spare
        self._look_now(pool)
        if self._enough() and (not spare or units_left >= 0):
            return self._shadow(at_ms)
        ends = [
            _end_of(site, p) for p in site.placements.values() if p.live and is_on(site, p, kind)
        ]
        heapify(ends)
        while ends:
            end_ms, _, name = heappop(ends)
            over = site.placements[name]
            units_left += over.units
            self._give(over)
            if self._enough() and (not spare or units_left >= 0):
                return self._shadow(max(end_ms, at_ms))
        return None

    def _enough(self) -> bool:
        return len(self._ready) >= self._demand.replicas

    def _shadow(self, start_ms: int) -> Shadow:
        servers = tuple(sorted(self._ready[: self._demand.replicas]))
        return Shadow(start_ms, self._kind[0], servers)

    def _look_now(self, pool: Pool) -> None:
        own = (s for s in self._site.kept if s not in self._shut and self._is_of_kind(s))
        for server in sorted({*pool.holding(self._demand.resources), *own}):
            if server not in self._shut:
                self._note(server, FreeServer(self._site.capacity, server))
            if self._enough():
                break

    def _is_of_kind(self, server: int) -> bool:
        capacity = self._site.capacity
        return capacity.knows(server) and capacity.pool(server).kind == self._kind

    def _give(self, over: Placement) -> None:
        """The servers it leaves can hold more."""
        asked, capacity = over.workload.demand.resources, self._site.capacity
        for part in over.allocations:
            server = part.server
            if server not in self._shut and capacity.knows(server):
                free = self._free.get(server)
                if free is None:
                    free = self._free[server] = FreeServer(capacity, server)
                free.give(part, asked)
                self._note(server, free)

    def _note(self, server: int, free: FreeServer) -> None:
        held = min(self._per_server_max, free.replicas(self._demand.resources))
        before = self._held.get(server, 0)
        self._held[server] = max(held, before)
        self._ready += [server] * self._spread.take(server, held - before)


class _Spread:
    """How many replicas racks and feeds still take; as they contain servers, who comes first is
    all the same."""

    def __init__(self, site: Site, asked: Constraints) -> None:
        self._most = asked.replicas_per_rack_max, asked.replicas_per_feed_max
        layout = site.keeping.layout() if any(self._most) else None
        self._of = (layout.rack_of, layout.feed_of) if layout else ()
        self._taken: Counter[tuple[int, int]] = Counter()

    def take(self, server: int, replicas: int) -> int:
        """Of so many replicas those that may go there."""
        groups = [(level, int(of[server])) for level, of in enumerate(self._of)]
        left = [self._most[g[0]] - self._taken[g] for g in groups if self._most[g[0]]]
        taken = max(0, min([replicas, *left]))
        for group in groups:
            self._taken[group] += taken
        return taken
