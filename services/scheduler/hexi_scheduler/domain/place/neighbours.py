"""Who stands on which server: what isolation and anti-affinity need to know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from hexi_scheduler.domain.layout import Flags
from hexi_scheduler.domain.placement import Placement

NOBODY, SEVERAL, UNKNOWN = -1, -2, -3


class Neighbours:
    """Counts of replicas by server and tenant, by server and group, and of isolated ones."""

    def __init__(self, servers: int, live: Iterable[Placement]) -> None:
        self._tenants: dict[str, int] = {}
        self._there: dict[int, Counter[int]] = {}
        self._groups: dict[tuple[str, str], Counter[int]] = {}
        self._only = np.full(servers, NOBODY, np.int32)  # a tenant's number, nobody, several
        self._isolated = np.zeros(servers, np.int32)
        for placement in live:
            self.count(placement, 1)

    def count(self, placement: Placement, sign: int) -> None:
        tenant_id, asked = placement.workload.tenant_id, placement.workload.demand.constraints
        tenant = self._tenants.setdefault(tenant_id, len(self._tenants))
        group = asked.anti_affinity_group
        for server, *_ in placement.allocations:
            if server >= len(self._only):
                continue
            there = self._there.setdefault(server, Counter())
            _add(there, tenant, sign)
            self._only[server] = _only(there)
            if asked.tenant_isolation:
                self._isolated[server] += sign
            if group:
                _add(self._groups.setdefault((tenant_id, group), Counter()), server, sign)

    def alone_with(self, tenant_id: str) -> Flags:
        """Servers with nobody but this tenant."""
        return self._own(tenant_id) | np.equal(self._only, NOBODY)

    def open_to(self, tenant_id: str) -> Flags:
        """Servers that no other tenant has for itself."""
        return self._own(tenant_id) | np.equal(self._isolated, 0)

    def _own(self, tenant_id: str) -> Flags:
        number = self._tenants.get(tenant_id, UNKNOWN)
        return np.equal(self._only, number)

    def without(self, tenant_id: str, group: str) -> Flags:
        """Servers with nothing of this group of the tenant."""
        free = np.ones(len(self._only), np.bool_)
        free[list(self._groups.get((tenant_id, group), ()))] = False
        return free


def _add(counts: Counter[int], key: int, sign: int) -> None:
    counts[key] += sign
    if not counts[key]:
        del counts[key]


def _only(there: Counter[int]) -> int:
    if len(there) == 1:
        return next(iter(there))
    return SEVERAL if there else NOBODY
