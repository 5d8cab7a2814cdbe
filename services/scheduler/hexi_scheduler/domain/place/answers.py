"""What PLACE answers to one attempt: not here, here, or not yet."""

from __future__ import annotations

from hexi_scheduler.domain.place.leases import FOREVER_MS
from hexi_scheduler.domain.place.place_commands import PlaceItem
from hexi_scheduler.domain.place.place_fit import Room
from hexi_scheduler.domain.place.shadow import Shadow
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.placement import CLAIMED, DECLINED, PLACED, Allocation, Placement
from hexi_scheduler.domain.why import WhyNot


def declined(
    site: Site, item: PlaceItem, at_ms: int, reason: str, why_not: WhyNot | None = None
) -> Placement:
    """No: ROUTE asks elsewhere."""
    revision = site.server_set.revision if site.server_set else 0
    return Placement(
        item.placement_id,
        item.workload,
        item.attempt,
        DECLINED,
        at_ms,
        server_set_revision=revision,
        reason=reason,
        why_not=why_not,
        borrowed=item.borrowed,
    )


def placed(site: Site, item: PlaceItem, at_ms: int, room: Room) -> Placement:
    """Yes, on these servers at this price."""
    demand = item.workload.demand
    return Placement(
        item.placement_id,
        item.workload,
        item.attempt,
        PLACED,
        at_ms,
        room.allocations,
        room.class_id,
        demand.constraints.executor,
        site.server_set.revision if site.server_set else 0,
        room.tariff,
        demand.units,
        borrowed=item.borrowed,
    )


def claimed(site: Site, item: PlaceItem, at_ms: int, ahead: Shadow, until_ms: int) -> Placement:
    """Not yet: what frees up on these servers is kept for it."""
    return Placement(
        item.placement_id,
        item.workload,
        item.attempt,
        CLAIMED,
        at_ms,
        tuple(Allocation(server, (), 0) for server in ahead.servers),
        ahead.class_id,
        item.workload.demand.constraints.executor,
        site.server_set.revision if site.server_set else 0,
        borrowed=item.borrowed,
        expected_start_ms=ahead.start_ms if ahead.start_ms < FOREVER_MS else 0,
        claim_until_ms=until_ms,
    )
