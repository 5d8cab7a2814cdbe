"""What is left to a workload when nothing has room for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from hexi_scheduler.domain.place.leases import end_ms_of
from hexi_scheduler.domain.priority import BORROWED_RANK
from hexi_scheduler.domain.quantum import queues
from hexi_scheduler.domain.route.backup import may_use_spare, spare_of
from hexi_scheduler.domain.route.board import Candidate
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.rules import ClaimRules
from hexi_scheduler.domain.use import NO_USE, Use, use_of
from hexi_scheduler.domain.workload import Workload


class Ask(NamedTuple):
    """The site to ask, and for what beside room."""

    choice: Candidate
    preempt: bool = False
    claim: bool = False


def ask(
    router: Router,
    workload: Workload,
    at_ms: int,
    without: frozenset[str],
    rescued: bool = False,
) -> Ask | None:
    """Spare room; room kept but free for long enough; room that others must yield; else a claim."""
    if queues(workload.demand):
        first = next(iter(_at(router, router.offers, workload, at_ms, without)), None)
        return Ask(first, claim=True) if first else None
    if router.spared and may_use_spare(router.rules, workload, rescued):
        for choice in _at(router, router.spared, workload, at_ms, without):
            if _covers(router, choice, workload, spare_of(router, choice)):
                return Ask(choice)
    if workload.duration_s_max and router.keeping:
        for choice in _at(router, router.keeping, workload, at_ms, without):
            if _covers(router, choice, workload, _kept(router, choice, workload, at_ms)):
                return Ask(choice)
    if router.yielding:
        for choice in _at(router, router.yielding, workload, at_ms, without):
            yielding = _yielding(router, choice, workload)
            if yielding != NO_USE and _covers(router, choice, workload, yielding):
                return Ask(choice, preempt=True)
    if not may_claim(router.rules.claims, workload, at_ms):
        return None
    choices = _at(router, router.offers, workload, at_ms, without)
    open_to_it = [c for c in choices if router.offers[c[1]].fair.claims_free]
    # Where most is free, least must still end; the cheapest of equals comes first.
    most = max(open_to_it, key=lambda choice: _free(router, choice), default=None)
    return Ask(most, claim=True) if most is not None else None


def may_claim(rules: ClaimRules, workload: Workload, at_ms: int) -> bool:
    """Small work finds room among what ends; large work that waited long needs a claim."""
    demand, asked = workload.demand, workload.demand.resources
    large = (
        demand.replicas >= rules.replicas_min
        or 0 < rules.accelerators_min <= asked.accelerators
        or 0 < rules.cpu_milli_min <= asked.cpu_milli
    )
    waited_ms = at_ms - workload.submitted_at_ms
    return large and rules.per_site_max > 0 and waited_ms >= rules.after_ms


def _at(
    router: Router,
    sites: Iterable[str],
    workload: Workload,
    at_ms: int,
    without: frozenset[str],
) -> list[Candidate]:
    wanted = frozenset(sites) - without
    return [choice for choice in router.candidates(workload, at_ms) if choice[1] in wanted]


def _kept(router: Router, choice: Candidate, workload: Workload, at_ms: int) -> Use:
    """The most that is free on servers of one claim until the workload has ended."""
    _, site_id, class_id, _ = choice
    until_ms = end_ms_of(workload, at_ms)
    executor = workload.demand.constraints.executor
    return max(
        (
            kept.use
            for kept in router.offers[site_id].fair.backfill
            if kept[:2] == (class_id, executor) and until_ms <= kept.until_ms
        ),
        default=NO_USE,
    )


def _yielding(router: Router, choice: Candidate, workload: Workload) -> Use:
    """What lower classes use there, and what was borrowed from those who are within their quota."""
    _, site_id, class_id, _ = choice
    rules, executor = router.rules, workload.demand.constraints.executor
    rank = rules.rank(workload)
    lowest = BORROWED_RANK + 1
    below = rank if rules.priorities.of_rank(rank).may_preempt else lowest
    entitled = router.shares.within_quota(workload, router.policy.partitions)
    found = NO_USE
    for yields in router.offers[site_id].fair.yielding:
        open_to_it = yields.rank < below and (yields.rank >= lowest or entitled)
        if open_to_it and yields[:2] == (class_id, executor):
            found = found.plus(yields.use)
    return found


def _covers(router: Router, choice: Candidate, workload: Workload, more: Use) -> bool:
    """Whether that and what is free make enough; PLACE knows better and may decline."""
    c, debit = choice[3].offer, router.debit(choice)
    free = Use(c.cpu_milli_free, c.memory_mib_free, c.accelerator_milli_free).plus(more)
    needed = use_of(workload.demand).plus(Use(*debit))
    return all(wanted <= there for wanted, there in zip(needed, free, strict=True))


def _free(router: Router, choice: Candidate) -> tuple[int, int]:
    c, debit = choice[3].offer, router.debit(choice)
    return (
        c.accelerator_milli_free - debit.accelerator_milli,
        c.cpu_milli_free - debit.cpu_milli,
    )
