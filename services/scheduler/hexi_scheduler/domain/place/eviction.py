"""How a placement loses its servers before its end."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.placement import EVICTED, STARTED, Placement


def evicted(site: Site, placement: Placement, at_ms: int, reason: str) -> Placement:
    """The placement as it gives its capacity back."""
    run, billed_ms = placement.run, 0
    if placement.state is STARTED:
        billed_ms = site.billed_until(placement)
        run = run._replace(ended_at_ms=max(billed_ms, at_ms))
    # In place of _replace, which takes four times as long.
    return Placement(
        placement.placement_id,
        placement.workload,
        placement.attempt,
        EVICTED,
        placement.placed_at_ms,
        *placement[5:11],
        billed_ms,
        run,
        reason,
        *placement[14:],
    )


def evict_from(
    site: Site, servers: Collection[int], at_ms: int, reason: str
) -> Iterator[Placement]:
    """Evict all that has a part on one of these servers, in the order of their ids."""
    if not servers:
        return
    closed = frozenset(servers)
    hit = sorted(
        name
        for name, placement in site.placements.items()
        if placement.live and any(part.server in closed for part in placement.allocations)
    )
    for name in hit:
        yield evicted(site, site.placements[name], at_ms, reason)
