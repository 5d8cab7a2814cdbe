"""Dominant shares of the province: what sites say is used, and what this partition gave since."""

from __future__ import annotations

from collections.abc import Iterable

from hexi_scheduler.domain.fair_offer import TenantUse
from hexi_scheduler.domain.offer import SiteOffer
from hexi_scheduler.domain.tenants import Tenants
from hexi_scheduler.domain.use import NO_USE, Use, use_of
from hexi_scheduler.domain.workload import Workload

PPB = 1_000_000_000


class Shares:
    """A share is a tenant's largest part of any resource, divided by its weight.

    What was given since a site's newest offer is forgotten with that offer, which counts it.
    """

    __slots__ = ("_fresh", "_given_at", "_tenants", "given", "heard", "total")

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants
        self.total = NO_USE
        self.heard: dict[str, Use] = {}
        self.given: dict[str, Use] = {}
        self._given_at: dict[str, dict[str, Use]] = {}
        self._fresh: dict[str, list[Workload]] = {}

    def hear(self, old: SiteOffer | None, new: SiteOffer) -> None:
        """A site's newest word replaces its last, and all that was given there since."""
        before = old.fair if old else None
        if before is None or before.total != new.fair.total:
            last = before.total if before else NO_USE
            self.total = self.total.plus(new.fair.total).plus(last, -1)
        was, now = set(before.uses if before else ()), set(new.fair.uses)
        _add(self.heard, now - was, 1)
        _add(self.heard, was - now, -1)
        self._fresh.pop(new.site_id, None)
        _add(self.given, self._given_at.pop(new.site_id, {}).items(), -1)

    def give(self, site_id: str, workload: Workload) -> None:
        """This partition sent it there; no offer counts it yet."""
        # Added up when somebody asks: as long as all find room, nobody does.
        self._fresh.setdefault(site_id, []).append(workload)

    def of(self, tenant_id: str) -> int:
        """The weighted dominant share in thousand millionths."""
        self._count()
        use = self.heard.get(tenant_id, NO_USE).plus(self.given.get(tenant_id, NO_USE))
        parts = (used * PPB // all_ for used, all_ in zip(use, self.total, strict=True) if all_)
        return max(parts, default=0) // self._tenants.of(tenant_id).weight

    def within_quota(self, workload: Workload, partitions: int) -> bool:
        """Whether its tenant is entitled to it, if all partitions gave it as much as this one."""
        tenant_id = workload.tenant_id
        quota = self._tenants.of(tenant_id).quota
        if quota is None:
            return True
        self._count()
        after = self.heard.get(tenant_id, NO_USE).plus(use_of(workload.demand))
        given = self.given.get(tenant_id)
        if given is not None:
            after = after.plus(given, partitions)
        return after.within(quota)

    def _count(self) -> None:
        for site_id, workloads in self._fresh.items():
            took = _by_tenant(workloads)
            _add(self.given, took, 1)
            _add(self._given_at.setdefault(site_id, {}), took, 1)
        self._fresh.clear()


def _by_tenant(workloads: Iterable[Workload]) -> list[tuple[str, Use]]:
    sums: dict[str, list[int]] = {}
    for workload in workloads:
        known = sums.setdefault(workload.tenant_id, [0, 0, 0])
        for place, amount in enumerate(workload.demand.sums):
            known[place] += amount
    return [(tenant_id, Use(*amounts)) for tenant_id, amounts in sums.items()]


def _add(sums: dict[str, Use], uses: Iterable[TenantUse | tuple[str, Use]], sign: int) -> None:
    for tenant_id, use in uses:
        after = sums.get(tenant_id, NO_USE).plus(use, sign)
        if after == NO_USE:
            sums.pop(tenant_id, None)
        else:
            sums[tenant_id] = after
