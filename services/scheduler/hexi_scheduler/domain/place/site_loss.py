"""A site is gone: all its work is given up at once, so that ROUTE finds it another place.

The site itself has no say in this. When it is back, its agents read that their work is evicted and
stop what may still run: nothing runs twice for long, and nothing is billed beyond the loss.
"""

from __future__ import annotations

from collections.abc import Iterator

from hexi_scheduler.domain.closures import SITE_LOST, SiteLoss
from hexi_scheduler.domain.place.closure_commands import DeclareLoss
from hexi_scheduler.domain.place.closure_events import SiteLossChanged
from hexi_scheduler.domain.place.eviction import evicted
from hexi_scheduler.domain.place.place_events import PlaceEvent
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.placement import Placement, PlacementState


def declare(site: Site, command: DeclareLoss) -> Iterator[PlaceEvent]:
    """Silence never undoes what an operator declared, and a word of the site does not either."""
    now = _after(site.keeping.loss, command)
    if now != site.keeping.loss:
        yield SiteLossChanged(now)
    if now is not None:
        yield from _give_up(site, now)


def _after(known: SiteLoss | None, command: DeclareLoss) -> SiteLoss | None:
    said = command.loss
    if command.active:
        return known._replace(declared=known.declared or said.declared) if known else said
    return None if known is None or said.declared or not known.declared else known


def _give_up(site: Site, loss: SiteLoss) -> Iterator[Placement]:
    """The most urgent and oldest first: in this order others are asked to take them."""
    reason = f"{SITE_LOST}: {loss.reason}"[:512] if loss.reason else SITE_LOST
    for name in sorted(site.claims):
        yield site.claims[name]._replace(state=PlacementState.DECLINED, reason=reason)
    live = [placement for placement in site.placements.values() if placement.live]
    for placement in sorted(live, key=_urgency):
        yield evicted(site, placement, max(loss.lost_at_ms, placement.placed_at_ms), reason)


def _urgency(placement: Placement) -> tuple[int, int, str]:
    workload = placement.workload
    return -workload.priority, workload.submitted_at_ms, placement.placement_id
