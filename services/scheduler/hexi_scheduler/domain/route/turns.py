"""Who must let others go first: work beyond its quota, and what came later with a larger share."""

from __future__ import annotations

from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.why import FilterCount, WhyNot
from hexi_scheduler.domain.workload import Demand, Workload

FAIR_SHARE = "fair_share"
QUOTA = "quota"
NEAREST = {
    FAIR_SHARE: "work of its class or a higher one waits for the same servers with a smaller share",
    QUOTA: "its tenant is beyond its quota, and may not borrow what others wait for",
}


def must_queue(router: Router, workload: Workload) -> bool:
    """Whether somebody with no larger share had no turn yet for the same kind of servers."""
    if not router.unserved:
        return False
    rank, share = router.rules.rank(workload), router.shares.of(workload.tenant_id)
    return any(
        line.rank >= rank
        and alike(line.demand, workload.demand)
        and router.shares.of(line.tenant_id) <= share
        for line in router.unserved
    )


def is_entitled(router: Router, workload: Workload) -> bool:
    """Whether its tenant is within its quota with it; most have none."""
    if router.rules.tenants.of(workload.tenant_id).quota is None:
        return True
    return router.shares.within_quota(workload, router.policy.partitions)


def may_borrow(router: Router, workload: Workload) -> bool:
    """Beyond its quota: while nobody within theirs waits for the same kind of servers."""
    tenant_id = workload.tenant_id
    if not router.rules.tenants.of(tenant_id).may_borrow:
        return False
    return not any(
        line.tenant_id != tenant_id
        and alike(line.demand, workload.demand)
        and router.shares.within_quota(
            workload._replace(tenant_id=line.tenant_id, demand=line.demand),
            router.policy.partitions,
        )
        for line in router.waiting.lines
    )


def alike(one: Demand, other: Demand) -> bool:
    """Whether both could want the same servers."""
    mine, theirs = one.resources, other.resources
    if one.constraints.executor != other.constraints.executor:
        return False
    if not mine.accelerators or not theirs.accelerators:
        return mine.accelerators == theirs.accelerators
    return (
        not mine.models or not theirs.models or not frozenset(mine.models).isdisjoint(theirs.models)
    )


def held_back(router: Router, reason: str) -> WhyNot:
    """A why-not for those whom no site has refused."""
    sites = len(router.offers)
    return WhyNot((FilterCount(reason, sites, 0),), sites, 0, NEAREST[reason])
