"""Tenants as policy knows them: weight, quota, how high they may rank, and their vouchers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hexi_scheduler.domain.use import Use
from hexi_scheduler.domain.vouchers import Voucher

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


class Tenants(NamedTuple):
    """Those whom the policy names; everybody else is as `other`."""

    named: Mapping[str, Tenant] = {}
    other: Tenant = Tenant()
    vouchers: Mapping[str, tuple[Voucher, ...]] = {}  # by tenant

    def of(self, tenant_id: str) -> Tenant:
        return self.named.get(tenant_id, self.other)
