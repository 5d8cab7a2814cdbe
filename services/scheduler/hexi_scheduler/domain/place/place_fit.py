"""Finds room for one placement in a site, or says which filter took every server away."""

from __future__ import annotations

from typing import NamedTuple

from hexi_scheduler.domain.place.bounds import UNBOUND, Bounds
from hexi_scheduler.domain.place.capacity import Tiers
from hexi_scheduler.domain.place.held import held_for
from hexi_scheduler.domain.place.leases import end_ms_of
from hexi_scheduler.domain.place.lending import lent_pools
from hexi_scheduler.domain.place.policy import Policy
from hexi_scheduler.domain.place.pool import Pool
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.placement import Allocation, Tariff, listed
from hexi_scheduler.domain.why import FilterCount, WhyNot
from hexi_scheduler.domain.workload import GENERAL, Demand, Resources, Workload


class Room(NamedTuple):
    """Where it goes and at which price; nothing is taken yet."""

    allocations: tuple[Allocation, ...]
    class_id: str
    tariff: Tariff


def find_room(
    site: Site, workload: Workload, at_ms: int, policy: Policy, bounds: Bounds = UNBOUND
) -> Room | None:
    """The cheapest class with room for the whole gang; its own lease comes first."""
    demand = workload.demand
    if demand.lease_id:
        lease = site.drawable(demand, workload.tenant_id, at_ms)
        for price, class_id, pool in site.choices(demand):
            if lease is not None and lease.class_id == class_id:
                found = _fit(site, ((pool,),), demand, policy, bounds)
                if found:
                    tariff = Tariff(price, lease.lease_id, lease.price_micro_yuan, lease.end_ms)
                    return Room(found, class_id, tariff)
    found = _fit_open(site, workload, at_ms, policy, bounds)
    if found is None and not demand.resources.accelerators:
        lent = _lent(site, workload, end_ms_of(workload, at_ms), policy)
        found = _fit(site, (lent,), demand, policy, bounds) if lent else None
    if found is None:
        return None
    class_id = _class_of(site, found, demand)
    return Room(found, class_id, listed(site.prices.get(class_id, 0)))


def _fit_open(
    site: Site, workload: Workload, at_ms: int, policy: Policy, bounds: Bounds
) -> tuple[Allocation, ...] | None:
    """In pools below its ceiling that leases and spare leave enough of."""
    demand = workload.demand
    tiers = site.case(demand).tiers
    if not (demand.price_micro_yuan_max or site.reservations or bounds.spare):
        return _fit(site, tiers, demand, policy, bounds)
    until_ms = end_ms_of(workload, at_ms)
    if demand.replicas == 1:
        # Most pools are open: what is best of all is found first, and then where it stands.
        found = _fit(site, tiers, demand, policy, bounds)
        if found is None:
            return None
        if _is_open(site, site.capacity.pool(found[0].server), demand, until_ms, bounds):
            return found
    left = [
        tuple(p for p in pools if _is_open(site, p, demand, until_ms, bounds)) for pools in tiers
    ]
    return _fit(site, tuple(filter(None, left)), demand, policy, bounds)


def _is_open(site: Site, pool: Pool, demand: Demand, until_ms: int, bounds: Bounds) -> bool:
    class_id, ceiling = pool.kind[0], demand.price_micro_yuan_max
    if ceiling and site.prices.get(class_id, 0) > ceiling:
        return False
    held = bounds.spare_units(class_id)
    if site.reservations:
        held += held_for(site, class_id, demand.constraints.executor, until_ms)
    return not held or pool.units_free - demand.units >= held


def _lent(site: Site, workload: Workload, until_ms: int, policy: Policy) -> tuple[Pool, ...]:
    """Servers with accelerators, for work without, at the price of general ones."""
    ceiling, executor = workload.demand.price_micro_yuan_max, workload.demand.constraints.executor
    if ceiling and site.prices.get(GENERAL, 0) > ceiling:
        return ()
    return lent_pools(site, executor, policy.rules, until_ms)


def _class_of(site: Site, found: tuple[Allocation, ...], demand: Demand) -> str:
    if not demand.resources.accelerators:
        return GENERAL
    return site.capacity.pool(found[0].server).kind[0]


def _fit(
    site: Site, tiers: Tiers, demand: Demand, policy: Policy, bounds: Bounds
) -> tuple[Allocation, ...] | None:
    """Of the first tier with room for all replicas."""
    if demand.replicas == 1:
        spread = bounds.spread()
        allowed = spread.allowed if spread else bounds.allowed
        found = policy.choose(site.capacity, site.mix, tiers, demand.resources, allowed)
        return None if found is None else (found,)
    for pools in tiers:
        gang = _fit_gang(site, pools, demand, policy, bounds)
        if gang:
            return gang
    return None


def _fit_gang(
    site: Site, pools: tuple[Pool, ...], demand: Demand, policy: Policy, bounds: Bounds
) -> tuple[Allocation, ...] | None:
    if not any(pool.may_hold(demand) for pool in pools):
        return None
    asked, capacity, spread = demand.resources, site.capacity, bounds.spread()
    allowed = spread.allowed if spread else bounds.allowed
    found = policy.choose(capacity, site.mix, (pools,), asked, allowed)
    if found is None:
        return None
    # A gang stays in one class: first in that of the best server.
    pool = capacity.pool(found.server)
    taken: list[Allocation] = []
    # Later replicas must see what earlier ones take; then all is given back.
    while found is not None:
        taken.append(found)
        capacity.take(found, asked)
        if spread:
            spread.take(found.server)
        if len(taken) == demand.replicas:
            break
        found = policy.choose(capacity, site.mix, ((pool,),), asked, allowed)
    for allocation in reversed(taken):
        capacity.give(allocation, asked)
    if len(taken) == demand.replicas:
        return tuple(taken)
    others = tuple(other for other in pools if other is not pool)
    return _fit_gang(site, others, demand, policy, bounds) if others else None


def why_not(site: Site, demand: Demand) -> WhyNot:
    """Which filter took how many servers; looked at when nothing was found."""
    total = len(site.capacity.servers)
    choices = site.choices(demand)
    ceiling = demand.price_micro_yuan_max
    fitting = [c for c in choices if not ceiling or c[0] <= ceiling]
    wanted = {(class_id, demand.constraints.executor) for _, class_id, _ in choices}
    of_kind = sum(site.capacity.kinds[kind].servers for kind in wanted)
    dear = sum(pool.servers for price, _, pool in choices if ceiling and price > ceiling)
    in_service = sum(pool.servers for _, _, pool in choices)
    short, roomy = _count_room(fitting, demand.resources)
    counts = {"model": total - of_kind, "condition": of_kind - in_service, "price": dear, **short}
    counts["gang_or_lease"] = roomy
    filters = tuple(FilterCount(name, 0, n) for name, n in counts.items() if n)
    return WhyNot(filters, 1, total, _nearest(demand, roomy, fitting))


def _count_room(
    choices: list[tuple[int, str, Pool]], asked: Resources
) -> tuple[dict[str, int], int]:
    short = {"accelerators": 0, "cpu": 0, "memory": 0}
    roomy = 0
    for _, _, pool in choices:
        devices, cpu, memory, room = pool.short_of(asked)
        short["accelerators"] += devices
        short["cpu"] += cpu
        short["memory"] += memory
        roomy += room
    return short, roomy


def _nearest(demand: Demand, roomy: int, choices: list[tuple[int, str, Pool]]) -> str:
    if not choices:
        return "no server of the wished class, executor and price"
    if roomy:
        return f"{roomy} servers have room for a replica, {demand.replicas} replicas were asked"
    cpu = max((pool.most()[0] for _, _, pool in choices), default=0)
    return f"the roomiest server has {cpu} of {demand.resources.cpu_milli} milli-vCPU free"
