"""Who could yield to more urgent work, and who of them for one replica on one server."""

from __future__ import annotations

from collections.abc import Iterable

from hexi_scheduler.domain.layout import Flags
from hexi_scheduler.domain.place.free_server import FreeServer
from hexi_scheduler.domain.place.hunt import Group, Victim
from hexi_scheduler.domain.place.shadow import is_on
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.placement import Placement, PlacementState
from hexi_scheduler.domain.priority import BORROWED_RANK, Yields
from hexi_scheduler.domain.rules import Rules
from hexi_scheduler.domain.use import use_of
from hexi_scheduler.domain.workload import Workload

SERVERS_MAX = 1_024


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
    prices, executor = site.choices(demand), demand.constraints.executor
    kinds = [(c, executor) for price, c, _ in prices if not ceiling or price <= ceiling]

    def yields_at(of: Workload, was_borrowed: bool) -> int | None:
        rank = rules.rank(of)
        borrowed = was_borrowed and rank <= own_rank and of.tenant_id != workload.tenant_id
        if not borrowed and not draws and not (may_preempt and rank < own_rank):
            return None
        return rank_to_yield(rank, borrowed, of.interruptible, rules)

    # Sites run far more work than there are kinds of it: each kind is judged once.
    judged: dict[tuple[str, int, bool, bool], int | None] = {}
    found = []
    for placement in site.placements.values():
        state, of = placement.state, placement.workload
        live = state is PlacementState.STARTED or state is PlacementState.PLACED
        if not live or at_ms < placement.tariff.lease_until_ms:
            continue
        kind = of.tenant_id, of.priority, of.interruptible, placement.borrowed
        if kind not in judged:
            judged[kind] = yields_at(of, placement.borrowed)
        rank = judged[kind]
        if rank is not None and is_on(site, placement, *kinds):
            found.append(_victim(placement, rank, at_ms))
    return sorted(found)


def groups(
    site: Site, workload: Workload, victims: Iterable[Victim], allowed: Flags | None = None
) -> list[Group]:
    """For each server those who must go for one replica; who loses least stands first."""
    capacity, asked = site.capacity, workload.demand.resources
    needed_milli = asked.accelerators * asked.device_milli
    there: dict[int, list[Victim]] = {}
    known = list(victims)
    for victim in known:
        parts = victim.placement.allocations
        for server in {part.server for part in parts} if len(parts) > 1 else (parts[0].server,):
            there.setdefault(server, []).append(victim)
    ordered = []
    for server, found in there.items():
        if not capacity.knows(server) or capacity.barred(server):
            continue
        if allowed is not None and not allowed[server]:
            continue
        gain_milli = sum(use_of(v.placement.workload.demand).accelerator_milli for v in found)
        if sum(capacity.devices(server)) + gain_milli < needed_milli:
            continue
        group = _for_one_replica(FreeServer(capacity, server), server, workload, found)
        if group:
            lost = sum(victim.wasted_accelerator_ms for victim in group)
            highest = max(victim.rank for victim in group)
            ordered.append((highest, lost, len(group), server, group))
            # Servers come by the cheapest of their victims: enough of them is enough.
            if len(ordered) == SERVERS_MAX:
                break
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
