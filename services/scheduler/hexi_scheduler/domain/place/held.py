"""Units of a class that leases keep from everybody else."""

from __future__ import annotations

from hexi_scheduler.domain.place.leases import FOREVER_MS, most_before
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.workload import FLEET


def held_for(site: Site, class_id: str, executor: str, until_ms: int = FOREVER_MS) -> int:
    """Units that a run until then must leave to leases; most of them have none to think of."""
    if not site.reservations or executor != FLEET:
        return 0
    return most_before(site.peaks(class_id), until_ms)


def held_units(site: Site, class_id: str, executor: str) -> int:
    """Units of a pool that leases keep; leases are for servers of the fleet."""
    return site.held.get(class_id, 0) if executor == FLEET else 0
