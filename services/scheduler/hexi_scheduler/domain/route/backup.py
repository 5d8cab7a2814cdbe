"""Resource backup (资源备份): capacity kept spare, and who may use it.

A site keeps its share of each class; the province keeps a minimum over all sites. Partitions of
ROUTE decide beside each other, each by the newest offers: the minimum is kept as well as these tell
it, while the share of a site is kept to the unit by PLACE.
"""

from __future__ import annotations

from hexi_scheduler.domain.route.board import Candidate
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.rules import Rules
from hexi_scheduler.domain.use import NO_USE, Use
from hexi_scheduler.domain.workload import FLEET, GENERAL, WHOLE, Workload


def may_use_spare(rules: Rules, workload: Workload, rescued: bool) -> bool:
    """Work of a lost site, and classes that the policy names."""
    most = rules.tenants.of(workload.tenant_id).priority_max
    return rescued or min(workload.priority, most) >= rules.keep.spare.priority_min


def spare_of(router: Router, choice: Candidate) -> Use:
    """What a site keeps of the class of a candidate."""
    _, site_id, class_id, found = choice
    units = dict(router.offers[site_id].spare).get(class_id, 0)
    if not units or found.offer.executor != FLEET:
        return NO_USE
    return Use(units * WHOLE, 0, 0) if class_id == GENERAL else Use(0, 0, units * WHOLE)


def leaves_minimum(router: Router, workload: Workload, class_id: str, rescued: bool) -> bool:
    """Whether the province still keeps its minimum of the class when this work is placed."""
    kept = router.rules.keep.spare.province_min
    least = dict(kept).get(class_id, 0) if kept else 0
    if not least or may_use_spare(router.rules, workload, rescued):
        return True
    return _units_free(router, class_id) - workload.demand.units >= least


def _units_free(router: Router, class_id: str) -> int:
    milli = 0
    for offer in router.offers.values():
        if not offer.standing.admitted:
            continue
        milli += dict(offer.spare).get(class_id, 0) * WHOLE
        for c in offer.classes:
            if (c.class_id, c.executor) == (class_id, FLEET):
                milli += c.cpu_milli_free if class_id == GENERAL else c.accelerator_milli_free
    for (_, of_class, executor), debit in router.debits.items():
        if (of_class, executor) == (class_id, FLEET):
            milli -= debit.cpu_milli if class_id == GENERAL else debit.accelerator_milli
    return milli // WHOLE
