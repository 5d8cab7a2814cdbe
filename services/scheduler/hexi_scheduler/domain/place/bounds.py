"""What a workload may not have in a site, whatever is free there: servers, and spare units.

Most workloads in most sites are bound by nothing; that is found out by a few comparisons.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hexi_scheduler.domain.keep import NOBODY, KeepRules
from hexi_scheduler.domain.layout import Flags, Ints, Layout
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.spread import Spread, at_most
from hexi_scheduler.domain.rules import Rules
from hexi_scheduler.domain.why import FilterCount, WhyNot
from hexi_scheduler.domain.workload import FLEET, Workload

# Executors do not stop at once: what runs up to a window must end this much earlier.
STOP_SLACK_MS = 60_000

Left = tuple[Ints, Ints, Ints]  # replicas that each server, rack and feed may still get


class Bounds(NamedTuple):
    """`allowed` by server, None: all; `left` where replicas are counted; spare units by class."""

    allowed: Flags | None = None
    left: Left | None = None
    layout: Layout | None = None
    spare: dict[str, int] | None = None

    def spread(self) -> Spread | None:
        """A fresh count for one try; None where replicas need not be counted."""
        if self.left is None or self.layout is None:
            return None
        everyone = np.ones(len(self.layout.rack_of), np.bool_)
        allowed = everyone if self.allowed is None else self.allowed
        servers, racks, feeds = (left.copy() for left in self.left)
        return Spread(self.layout, allowed, servers, racks, feeds)

    def spare_units(self, class_id: str) -> int:
        """Units of a class that must stay free."""
        return self.spare.get(class_id, 0) if self.spare else 0

    def explained(self, why: WhyNot) -> WhyNot:
        """With the servers that these bounds take away, whatever is free there."""
        spread = self.spread()
        allowed = spread.allowed if spread else self.allowed
        shut = 0 if allowed is None else int(np.count_nonzero(~allowed))
        kept_apart = FilterCount("kept_apart", 0, shut)
        return why._replace(filters=(*why.filters, kept_apart)) if shut else why


UNBOUND = Bounds()


def bounds_of(
    site: Site, workload: Workload, at_ms: int, rules: Rules, rescued: bool = False
) -> Bounds:
    """All that binds this workload here and now."""
    asked, keeping = workload.demand.constraints, site.keeping
    spare = None
    if rules.keep.spare.priority_min != NOBODY and not rescued:
        spare = _spare(site, workload, rules)
    apart = asked.tenant_isolation or asked.anti_affinity_group or keeping.isolated
    counted = (
        asked.replicas_per_server_max or asked.replicas_per_rack_max or asked.replicas_per_feed_max
    )
    ahead = site.facts.maintenance if site.facts else ()
    if not (apart or counted or ahead or keeping.rack_power):
        return UNBOUND if not spare else Bounds(spare=spare)
    allowed = _apart(site, workload) if apart else None
    kept_off = _before_maintenance(site, workload, at_ms, rules.keep) if ahead else None
    if kept_off is not None:
        allowed = kept_off if allowed is None else allowed & kept_off
    left = _left(site, workload, at_ms, rules.keep, bool(counted))
    return Bounds(allowed, left, keeping.layout() if left else None, spare)


def _spare(site: Site, workload: Workload, rules: Rules) -> dict[str, int] | None:
    most = rules.tenants.of(workload.tenant_id).priority_max
    entitled = min(workload.priority, most) >= rules.keep.spare.priority_min
    if entitled or workload.demand.constraints.executor != FLEET:
        return None
    return site.keeping.spare(rules.keep.spare)


def _apart(site: Site, workload: Workload) -> Flags:
    """Servers that isolation and anti-affinity leave it."""
    asked, tenant_id = workload.demand.constraints, workload.tenant_id
    there = site.keeping.neighbours(site.placements.values())
    allowed = there.open_to(tenant_id)
    if asked.tenant_isolation:
        allowed &= there.alone_with(tenant_id)
    if asked.anti_affinity_group:
        allowed &= there.without(tenant_id, asked.anti_affinity_group)
    return allowed


def _before_maintenance(
    site: Site, workload: Workload, at_ms: int, keep: KeepRules
) -> Flags | None:
    """Servers without a window that the run would reach; of unknown length, all near ones."""
    length_ms = workload.duration_s_max * 1_000
    if site.facts is None or (workload.interruptible and not length_ms):
        return None
    until_ms = at_ms + (length_ms + STOP_SLACK_MS if length_ms else keep.notice_ms)
    ahead = [w for w in site.facts.maintenance if w.start_ms < until_ms and w.end_ms > at_ms]
    if not ahead:
        return None
    kept = np.ones(len(site.capacity.servers), np.bool_)
    for window in ahead:
        kept &= ~site.keeping.layout().stands_in(window.racks)
    return kept


def _left(
    site: Site, workload: Workload, at_ms: int, keep: KeepRules, counted: bool
) -> Left | None:
    """None where neither the workload nor the power of racks counts replicas."""
    demand, keeping = workload.demand, site.keeping
    if not counted and not keeping.rack_power:
        return None
    asked, layout = demand.constraints, keeping.layout()
    racks = at_most(len(layout.racks), asked.replicas_per_rack_max)
    budget = keeping.budget(keep.headroom, site.placements.values())
    powered = budget.left(demand, at_ms) if budget else None
    if not counted and powered is None:
        return None
    return (
        at_most(len(layout.rack_of), asked.replicas_per_server_max),
        racks if powered is None else np.minimum(racks, powered),
        at_most(layout.feeds, asked.replicas_per_feed_max),
    )
