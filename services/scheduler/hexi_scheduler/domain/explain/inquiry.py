"""All that can be said now about why a workload waits: filter by filter, down to the servers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

from hexi_scheduler.domain.explain.fleet import Fleet
from hexi_scheduler.domain.explain.why_place import Looked, Wanted, look
from hexi_scheduler.domain.explain.why_site import Judged, site_misses
from hexi_scheduler.domain.explain.why_start import Ending, start_in
from hexi_scheduler.domain.route.board import Board
from hexi_scheduler.domain.route.filters import FILTERS, objections, welcome
from hexi_scheduler.domain.route.ranking import RANK_BITS
from hexi_scheduler.domain.route.room import NOTHING, has_room
from hexi_scheduler.domain.why import FilterCount, Miss
from hexi_scheduler.domain.workload import Demand, Workload

ROOM = "room"
STARTS_MAX = 2

EndingsOf = Callable[[str], Iterator[Ending]]


class Found(NamedTuple):
    """What an inquiry found. `costs` are of open sites, `starts_ms` of the nearest of them."""

    judged: tuple[Judged, ...]
    costs: Mapping[str, int]
    filters: tuple[FilterCount, ...]
    servers: int
    misses: tuple[Miss, ...]
    has_room: tuple[str, ...]  # sites where nothing stands in the way now
    starts_ms: tuple[tuple[int, str], ...]


class Open(NamedTuple):
    """A site that no filter removes: the keys of its classes, the cheapest first."""

    keys: list[int]
    classes: list[str]

    @property
    def cost_micro_yuan(self) -> int:
        return self.keys[0] >> RANK_BITS


def open_sites(board: Board, workload: Workload, at_ms: int) -> dict[str, Open]:
    found: dict[str, Open] = {}
    for key in board.ranking(workload, at_ms).keys.tolist():
        site_id, class_id = board.place_of(key)
        if site_id not in found:
            found[site_id] = Open([], [])
        found[site_id].keys.append(key)
        found[site_id].classes.append(class_id)
    return found


def judge(board: Board, workload: Workload, open_now: Collection[str]) -> tuple[Judged, ...]:
    """Every site and what speaks against it, room aside."""
    demand, tenant_id, around = workload.demand, workload.tenant_id, board.around
    return tuple(
        Judged(
            offer,
            () if name in open_now else tuple(objections(offer, demand, tenant_id, around)),
        )
        for name, offer in sorted(board.offers.items())
    )


def inquire(
    board: Board, fleet: Fleet, endings: EndingsOf, workload: Workload, at_ms: int
) -> Found:
    """Which sites the filters of ROUTE leave, what their servers lack, and until when."""
    demand = workload.demand
    found = open_sites(board, workload, at_ms)
    judged = judge(board, workload, found)
    wanted = {name: _wanted(board, name, site, demand) for name, site in found.items()}
    looked = look(fleet, demand, wanted)
    roomy = sorted(name for name, n in looked.replicas.items() if n >= demand.replicas)
    ready = tuple(name for name in roomy if _says_room(board, found[name], workload))
    reserved = [name for name in roomy if name not in ready]
    misses = (*looked.misses, *site_misses(judged, demand, board.around))
    counts = (*_counts(judged, fleet), *looked.filters)
    if reserved:
        misses = (Miss("reserved", reserved[0], demand.units, 0), *misses)
        servers = sum(fleet.servers(name) for name in reserved)
        counts = (*counts, FilterCount("reserved", len(reserved), servers))
    total = sum(_size(j, fleet) for j in judged)
    prices = {name: site.cost_micro_yuan for name, site in found.items()}
    starts = () if ready else _starts(fleet, endings, demand, wanted, looked, prices)
    return Found(judged, prices, counts, total, misses, ready, starts)


def _says_room(board: Board, site: Open, workload: Workload) -> bool:
    choices = (board.candidate(key, workload)[3] for key in site.keys)
    return any(has_room(choice, workload.demand, NOTHING) for choice in choices)


def _wanted(board: Board, site_id: str, site: Open, demand: Demand) -> Wanted:
    classes = frozenset(site.classes)
    if not demand.price_micro_yuan_max:
        return Wanted(classes)
    offer = board.offers[site_id]
    dear = (c.class_id for c in offer.classes if c.price_micro_yuan > demand.price_micro_yuan_max)
    welcome_ones = (name for name in dear if welcome(name, demand, board.around))
    return Wanted(classes, frozenset(welcome_ones) - classes)


def _counts(judged: tuple[Judged, ...], fleet: Fleet) -> tuple[FilterCount, ...]:
    """Sites by the first filter that removes them, with all their servers."""
    sites, servers = dict.fromkeys(FILTERS, 0), dict.fromkeys(FILTERS, 0)
    for j in judged:
        if j.objections:
            sites[j.objections[0]] += 1
            servers[j.objections[0]] += _size(j, fleet)
    return tuple(FilterCount(n, sites[n], servers[n]) for n in FILTERS if sites[n])


def _size(j: Judged, fleet: Fleet) -> int:
    return fleet.servers(j.offer.site_id) or sum(c.servers for c in j.offer.classes)


def _starts(
    fleet: Fleet,
    endings: EndingsOf,
    demand: Demand,
    wanted: Mapping[str, Wanted],
    looked: Looked,
    prices: Mapping[str, int],
) -> tuple[tuple[int, str], ...]:
    """Earliest first, of the sites that lack the fewest replicas and cost least."""

    def nearness(site_id: str) -> tuple[int, int, str]:
        return -looked.replicas.get(site_id, 0), prices.get(site_id, 0), site_id

    found = []
    sites_max = 1 if demand.replicas > 1 else STARTS_MAX
    for site_id in sorted(wanted, key=nearness)[:sites_max]:
        executor = demand.constraints.executor
        kinds = frozenset((class_id, executor) for class_id in wanted[site_id].classes)
        fit_now = looked.replicas.get(site_id, 0)
        start_ms = start_in(fleet, site_id, demand, kinds, fit_now, endings(site_id))
        if start_ms is not None:
            found.append((start_ms, site_id))
    return tuple(sorted(found))
