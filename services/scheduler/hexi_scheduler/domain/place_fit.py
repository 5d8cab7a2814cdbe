"""Finds room for one placement in a site, or says which filter took every server away."""

from __future__ import annotations

from typing import NamedTuple

from hexi_scheduler.domain.capacity import Capacity
from hexi_scheduler.domain.leases import FOREVER_MS
from hexi_scheduler.domain.placement import Allocation, Tariff
from hexi_scheduler.domain.policy import Policy
from hexi_scheduler.domain.pool import Pool
from hexi_scheduler.domain.site import Site, held_for
from hexi_scheduler.domain.why import FilterCount, WhyNot
from hexi_scheduler.domain.workload import GENERAL, WHOLE, Demand, Resources, Workload


class Room(NamedTuple):
    """Where it goes and at which price; nothing is taken yet."""

    allocations: tuple[Allocation, ...]
    class_id: str
    tariff: Tariff


def find_room(site: Site, workload: Workload, at_ms: int, policy: Policy) -> Room | None:
    """The cheapest class with room for the whole gang; its own lease comes first."""
    demand = workload.demand
    choices = site.choices(demand)
    if demand.lease_id:
        lease = site.drawable(demand, workload.tenant_id, at_ms)
        for price, class_id, pool in choices:
            if lease is not None and lease.class_id == class_id:
                found = _fit(site.capacity, pool, demand, policy)
                if found:
                    tariff = Tariff(price, lease.lease_id, lease.price_micro_yuan, lease.end_ms)
                    return Room(found, class_id, tariff)
    ceiling = demand.price_micro_yuan_max
    length_ms = workload.duration_s_max * 1_000
    until_ms = at_ms + length_ms if length_ms else FOREVER_MS
    for price, class_id, pool in choices:
        if ceiling and price > ceiling:
            break
        held = held_for(site, class_id, demand.constraints.executor, until_ms)
        if held and units_free(pool, class_id) - demand.units < held:
            continue
        found = _fit(site.capacity, pool, demand, policy)
        if found:
            return Room(found, class_id, Tariff(price))
    return None


def units_free(pool: Pool, class_id: str) -> int:
    """Billable units in service and not taken."""
    return (pool.cpu_milli if class_id == GENERAL else pool.device_milli) // WHOLE


def _fit(
    capacity: Capacity, pool: Pool, demand: Demand, policy: Policy
) -> tuple[Allocation, ...] | None:
    asked = demand.resources
    if demand.replicas == 1:
        server = policy.choose(pool, asked)
        return None if server is None else (capacity.devices_for(server, asked),)
    taken: list[Allocation] = []
    # Later replicas must see what earlier ones take; then all is given back.
    for _ in range(demand.replicas):
        server = policy.choose(pool, asked)
        if server is None:
            break
        taken.append(capacity.devices_for(server, asked))
        capacity.take(taken[-1], asked)
    for allocation in reversed(taken):
        capacity.give(allocation, asked)
    return tuple(taken) if len(taken) == demand.replicas else None


def why_not(site: Site, demand: Demand) -> WhyNot:
    """Which filter took how many servers; looked at when nothing was found."""
    total = len(site.capacity.servers)
    choices = site.choices(demand)
    ceiling = demand.price_micro_yuan_max
    fitting = [c for c in choices if not ceiling or c[0] <= ceiling]
    wanted = {(class_id, demand.constraints.executor) for _, class_id, _ in choices}
    of_kind = sum((s.class_id, s.executor) in wanted for s in site.capacity.servers)
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
        for (cpu, memory, devices), count in pool.states():
            if sum(milli >= asked.device_milli for milli in devices) < asked.accelerators:
                short["accelerators"] += count
            elif cpu < asked.cpu_milli:
                short["cpu"] += count
            elif memory < asked.memory_mib:
                short["memory"] += count
            else:
                roomy += count
    return short, roomy


def _nearest(demand: Demand, roomy: int, choices: list[tuple[int, str, Pool]]) -> str:
    if not choices:
        return "no server of the wished class, executor and price"
    if roomy:
        return f"{roomy} servers have room for a replica, {demand.replicas} replicas were asked"
    cpu = max((free[0] for _, _, pool in choices for free, _ in pool.states()), default=0)
    return f"the roomiest server has {cpu} of {demand.resources.cpu_milli} milli-vCPU free"
