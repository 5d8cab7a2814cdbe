"""What each filter of ROUTE takes away; told once for equal demands, while standings stay."""

from __future__ import annotations

from hexi_scheduler.domain.route.filters import FILTERS, NEVER, objections
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.why import FilterCount, WhyNot
from hexi_scheduler.domain.workload import Demand, Workload

REASONS_MAX = 1_024
DECLINED, ROOM = "declined", "room"

Tried = tuple[tuple[str, int], ...]
NOBODY: frozenset[str] = frozenset()


def declined(router: Router, tried: Tried) -> frozenset[str]:
    """Sites that declined and have said nothing new since."""
    offers = router.offers
    if not tried:
        return NOBODY
    return frozenset(name for name, at in tried if name in offers and offers[name].revision <= at)


def explain(router: Router, workload: Workload, tried: Tried, at_ms: int) -> tuple[WhyNot, bool]:
    """What each filter took away, and whether no site could ever hold it."""
    router.board.turn_to(at_ms)
    known, demand = router.board.reasons, workload.demand
    silent = declined(router, tried)
    key = (demand, workload.tenant_id if demand.lease_id else "", silent)
    found = known.get(key)
    if found is None:
        if len(known) >= REASONS_MAX:
            known.clear()
        found = known[key] = _explain(router, workload, silent)
    return found


def _explain(router: Router, workload: Workload, silent: frozenset[str]) -> tuple[WhyNot, bool]:
    demand = workload.demand
    sites: dict[str, int] = dict.fromkeys((*FILTERS, DECLINED, ROOM), 0)
    servers = dict.fromkeys(sites, 0)
    never = bool(router.offers)
    hopeless = NEVER - {"model"} if router.policy.knows(demand.resources.models) else NEVER
    nearest: tuple[int, str, str] = (-1, "", "")
    order = {name: rank for rank, name in enumerate(sites)}
    for site_id in sorted(router.offers):
        offer = router.offers[site_id]
        against = objections(offer, demand, workload.tenant_id, router.around)
        never = never and not hopeless.isdisjoint(against)
        held_back = DECLINED if site_id in silent else ROOM
        first = against[0] if against else held_back
        sites[first] += 1
        servers[first] += sum(c.servers for c in offer.classes)
        if order[first] > nearest[0]:
            nearest = (order[first], site_id, ", ".join(against) or first)
    refused = never or not demand.replicas
    filters = tuple(FilterCount(n, sites[n], servers[n]) for n in sites if sites[n])
    total = sum(servers.values())
    return WhyNot(filters, len(router.offers), total, _nearest(demand, nearest)), refused


def _nearest(demand: Demand, nearest: tuple[int, str, str]) -> str:
    rank, site_id, against = nearest
    if rank < 0:
        return "no site is known yet"
    asked = demand.resources
    return (
        f"{site_id} fails by {against}: asked {demand.replicas} x {asked.cpu_milli} milli-vCPU, "
        f"{asked.memory_mib} MiB, {asked.accelerators} accelerators"
    )
