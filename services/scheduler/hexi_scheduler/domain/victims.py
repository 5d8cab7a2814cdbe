"""Who could yield to more urgent work, and who of them for one replica on one server."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from hexi_scheduler.domain.free_server import FreeServer
from hexi_scheduler.domain.layout import Flags
from hexi_scheduler.domain.placement import Placement, PlacementState
from hexi_scheduler.domain.priority import BORROWED_RANK, Yields
from hexi_scheduler.domain.rules import Rules
from hexi_scheduler.domain.shadow import is_on
from hexi_scheduler.domain.site import Site
from hexi_scheduler.domain.use import use_of
from hexi_scheduler.domain.workload import Workload


class Victim(NamedTuple):
    """As victims compare: who goes first stands first."""

    rank: int
    wasted_accelerator_ms: int
    elapsed_ms: int
    placement_id: str
    placement: Placement


Group = tuple[Victim, ...]


def rank_to_yield(rank: int, borrowed: bool, interruptible: bool, rules: Rules) -> int | None:
    """The rank at which live work yields; None where its class does not."""
    if borrowed:
        return BORROWED_RANK
    yields = rules.priorities.of_rank(rank).yields
    if yields is Yields.ALWAYS or (yields is Yields.INTERRUPTIBLE and interruptible):
        return rank
    return None


def eligible(site: Site, workload: Workload, at_ms: int, rules: Rules) -> list[Victim]:
    """Live work of lower classes on servers that would do, and what was borrowed; who first, first.

    Never what a lease pays for, nor what its own tenant borrowed. Whoever draws on a lease is
    entitled to its units before all that yields, of whatever class.
    """
    demand, own_rank = workload.demand, rules.rank(workload)
    may_preempt = rules.priorities.of_rank(own_rank).may_preempt
    draws = site.drawable(demand, workload.tenant_id, at_ms) is not None
    ceiling = demand.price_micro_yuan_max
    executor = demand.constraints.executor
    prices = site.choices(demand)
    kinds = {(c, executor) for price, c, _ in prices if not ceiling or price <= ceiling}
    found = []
    for placement in site.placements.values():
        if not placement.live or at_ms < placement.tariff.lease_until_ms:
            continue
        of = placement.workload
        rank = rules.rank(of)
        borrowed = placement.borrowed and rank <= own_rank and of.tenant_id != workload.tenant_id
        lower = draws or (may_preempt and rank < own_rank)
        if not (borrowed or lower) or not is_on(site, placement, kinds):
            continue
        yields_at = rank_to_yield(rank, borrowed, of.interruptible, rules)
        if yields_at is not None:
            found.append(_victim(placement, yields_at, at_ms))
    return sorted(found)


def groups(
    site: Site, workload: Workload, victims: Iterable[Victim], allowed: Flags | None = None
) -> list[Group]:
    """For each server those who must go for one replica; who loses least stands first."""
    known = list(victims)
    there: defaultdict[int, list[Victim]] = defaultdict(list)
    for victim in known:
        for server in sorted({part.server for part in victim.placement.allocations}):
            there[server].append(victim)
    ordered = []
    for server, found in there.items():
        if allowed is not None and not allowed[server]:
            continue
        if site.capacity.knows(server) and not site.capacity.barred(server):
            group = _for_one_replica(FreeServer(site.capacity, server), server, workload, found)
            if group:
                lost = sum(victim.wasted_accelerator_ms for victim in group)
                highest = max(victim.rank for victim in group)
                ordered.append((highest, lost, len(group), server, group))
    # A gang may need more from one server than what makes room for one replica.
    return [group for *_, group in sorted(ordered)] + [(victim,) for victim in known]


def _victim(placement: Placement, rank: int, at_ms: int) -> Victim:
    elapsed_ms = 0
    if placement.state is PlacementState.STARTED:
        elapsed_ms = max(0, at_ms - placement.run.started_at_ms)
        checkpoint_ms = placement.workload.checkpoint_interval_s * 1_000
        if checkpoint_ms:
            elapsed_ms %= checkpoint_ms
    lost = use_of(placement.workload.demand).accelerator_milli * elapsed_ms // 1_000
    return Victim(rank, lost, elapsed_ms, placement.placement_id, placement)


def _for_one_replica(
    free: FreeServer, server: int, workload: Workload, victims: list[Victim]
) -> Group:
    asked = workload.demand.resources
    gone: list[Victim] = []
    for victim in victims:
        _give(free, server, victim)
        gone.append(victim)
        if free.replicas(asked):
            break
    else:
        return ()
    # Whoever went in vain stays: first those whose work is worth most.
    for victim in reversed(gone):
        _take(free, server, victim)
        if free.replicas(asked):
            gone.remove(victim)
        else:
            _give(free, server, victim)
    return tuple(gone)


def _give(free: FreeServer, server: int, victim: Victim) -> None:
    for part in victim.placement.allocations:
        if part.server == server:
            free.give(part, victim.placement.workload.demand.resources)


def _take(free: FreeServer, server: int, victim: Victim) -> None:
    for part in victim.placement.allocations:
        if part.server == server:
            free.take(part, victim.placement.workload.demand.resources)
