"""All that can be said now about why a workload waits: filter by filter, down to the servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from hexi_scheduler.domain.board import Board
from hexi_scheduler.domain.filters import FILTERS, lease_of, objections, suitable, welcome
from hexi_scheduler.domain.fleet import Fleet
from hexi_scheduler.domain.offer import SiteOffer
from hexi_scheduler.domain.ranking import RANK_BITS
from hexi_scheduler.domain.room import NOTHING, has_room
from hexi_scheduler.domain.why import FilterCount, Miss
from hexi_scheduler.domain.why_place import Looked, Wanted, look
from hexi_scheduler.domain.why_site import Judged, site_misses
from hexi_scheduler.domain.why_start import Ending, start_in
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


def judge(board: Board, workload: Workload) -> tuple[Judged, ...]:
    """Every site and what speaks against it, room included."""
    demand, tenant_id = workload.demand, workload.tenant_id
    return tuple(
        Judged(offer, tuple(objections(offer, demand, tenant_id, board.around)))
        for _, offer in sorted(board.offers.items())
    )


def costs(board: Board, workload: Workload, at_ms: int) -> dict[str, int]:
    """The cheapest class of each site that nothing speaks against."""
    found: dict[str, int] = {}
    for key in board.ranking(workload, at_ms).keys.tolist():
        found.setdefault(board.site_of(key), key >> RANK_BITS)
    return found


def inquire(
    board: Board, fleet: Fleet, endings: EndingsOf, workload: Workload, at_ms: int
) -> Found:
    """Which sites the filters of ROUTE leave, what their servers lack, and until when."""
    demand = workload.demand
    judged = judge(board, workload)
    open_sites = {j.offer.site_id: j.offer for j in judged if not j.objections}
    wanted = {name: _wanted(board, offer, workload) for name, offer in open_sites.items()}
    looked = look(fleet, demand, wanted)
    roomy = [name for name in open_sites if looked.replicas.get(name, 0) >= demand.replicas]
    ready = tuple(n for n in roomy if _offers_room(board, open_sites[n], workload))
    reserved = [name for name in roomy if name not in ready]
    misses = (*looked.misses, *site_misses(judged, demand, board.around))
    if reserved:
        misses = (Miss("reserved", reserved[0], demand.units, 0), *misses)
    counts = _counts(judged, fleet)
    if reserved:
        servers = sum(fleet.servers(name) for name in reserved)
        counts = (*counts, FilterCount("reserved", len(reserved), servers))
    total = sum(_size(j, fleet) for j in judged)
    prices = costs(board, workload, at_ms)
    starts = () if ready else _starts(fleet, endings, demand, wanted, looked, prices)
    return Found(judged, prices, (*counts, *looked.filters), total, misses, ready, starts)


def _wanted(board: Board, offer: SiteOffer, workload: Workload) -> Wanted:
    demand = workload.demand
    borne = suitable(offer, demand, workload.tenant_id, board.around)
    kinds = frozenset(choice.offer.class_id for choice in borne)
    dear = frozenset(
        c.class_id
        for c in offer.classes
        if welcome(c.class_id, demand, board.around)
        and 0 < demand.price_micro_yuan_max < c.price_micro_yuan
        and not lease_of(offer, demand, workload.tenant_id, c)
    )
    return Wanted(kinds, dear)


def _offers_room(board: Board, offer: SiteOffer, workload: Workload) -> bool:
    demand = workload.demand
    borne = suitable(offer, demand, workload.tenant_id, board.around)
    return any(has_room(choice, demand, NOTHING) for choice in borne)


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
    for site_id in sorted(wanted, key=nearness)[:STARTS_MAX]:
        executor = demand.constraints.executor
        kinds = frozenset((class_id, executor) for class_id in wanted[site_id].classes)
        fit_now = looked.replicas.get(site_id, 0)
        start_ms = start_in(fleet, site_id, demand, kinds, fit_now, endings(site_id))
        if start_ms is not None:
            found.append((start_ms, site_id))
    return tuple(sorted(found))
