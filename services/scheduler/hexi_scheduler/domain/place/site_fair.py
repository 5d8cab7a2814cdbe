"""Sums up who uses a site, who there could yield, and what is kept for claims."""

from __future__ import annotations

from hexi_scheduler.domain.fair_offer import FairOffer, RankUse, TenantUse
from hexi_scheduler.domain.place.claims import backfill
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.victims import rank_to_yield
from hexi_scheduler.domain.quantum import queues
from hexi_scheduler.domain.rules import Rules
from hexi_scheduler.domain.use import NO_USE, Use


def fair_offer_of(site: Site, rules: Rules) -> FairOffer:
    """As the rules see the live work of the site."""
    by_tenant: dict[str, Use] = {}
    yielding: dict[tuple[str, str, int], Use] = {}
    for key, use in site.use.items():
        by_tenant[key.tenant_id] = by_tenant.get(key.tenant_id, NO_USE).plus(use)
        most = rules.tenants.of(key.tenant_id).priority_max
        rank = rules.priorities.rank(min(key.priority, most))
        yields_at = rank_to_yield(rank, key.borrowed, key.interruptible, rules)
        if yields_at is not None and not key.leased:
            there = key.class_id, key.executor, yields_at
            yielding[there] = yielding.get(there, NO_USE).plus(use)
    return FairOffer(
        tuple(TenantUse(*item) for item in sorted(by_tenant.items())),
        site.total,
        tuple(RankUse(*there, use) for there, use in sorted(yielding.items())),
        tuple(backfill(site)),
        max(0, rules.claims.per_site_max - _claims(site)),
    )


def _claims(site: Site) -> int:
    return sum(not queues(held.workload.demand) for held in site.claims.values())
