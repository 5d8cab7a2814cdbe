"""vCPU beside accelerators, lent to work without them when general servers are full."""

from __future__ import annotations

from hexi_scheduler.domain.packing.rules import PackingRules
from hexi_scheduler.domain.place.held import held_for
from hexi_scheduler.domain.place.leases import FOREVER_MS
from hexi_scheduler.domain.place.pool import Pool
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.workload import GENERAL, is_quantum


def lent_pools(
    site: Site, executor: str, rules: PackingRules, until_ms: int = FOREVER_MS
) -> tuple[Pool, ...]:
    """Pools with accelerators that no lease waits for."""
    if not rules.lends_cpu:
        return ()
    return tuple(
        pool
        for (class_id, of), pool in site.capacity.pools.items()
        if of == executor
        and class_id != GENERAL
        and not is_quantum(class_id)
        and not (site.reservations and held_for(site, class_id, executor, until_ms))
    )
