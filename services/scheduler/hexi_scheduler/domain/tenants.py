"""Tenants as policy knows them: weight, quota, how high they may rank, and their vouchers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hexi_scheduler.domain.use import Use

PRIORITY_MAX = 1_000


class Tenant(NamedTuple):
    """Shares are weighed by `weight`; a quota of 0 in a resource bounds nothing.

    Beyond its quota a tenant that may borrow uses what nobody entitled waits for, and yields it.
    """

    kind: str = "ordinary"
    weight: int = 1
    priority_max: int = PRIORITY_MAX
    quota: Use | None = None
    may_borrow: bool = True


class Voucher(NamedTuple):
    """Pays `share_milli` thousandths of a tenant's price of these classes; none named: of all."""

    voucher_id: str
    tenant_id: str
    class_ids: tuple[str, ...]
    share_milli: int
    budget_micro_yuan: int
    from_ms: int
    until_ms: int

    def covers(self, tenant_id: str, class_id: str, at_ms: int) -> bool:
        return (
            self.tenant_id == tenant_id
            and self.from_ms <= at_ms < self.until_ms
            and (not self.class_ids or class_id in self.class_ids)
        )


class Tenants(NamedTuple):
    """Those whom the policy names; everybody else is as `other`."""

    named: Mapping[str, Tenant] = {}
    other: Tenant = Tenant()
    vouchers: tuple[Voucher, ...] = ()

    def of(self, tenant_id: str) -> Tenant:
        return self.named.get(tenant_id, self.other)

    def voucher(self, tenant_id: str, class_id: str, at_ms: int) -> str:
        """The first voucher in force that covers it; what is left of it settlement knows."""
        for voucher in self.vouchers:
            if voucher.covers(tenant_id, class_id, at_ms):
                return voucher.voucher_id
        return ""
