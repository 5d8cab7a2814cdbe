"""Hard filters of ROUTE: what speaks against a site for a demand, whatever is free just now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hexi_scheduler.domain.offer import ClassOffer, LeaseOffer, SiteOffer
from hexi_scheduler.domain.route.atlas import Atlas
from hexi_scheduler.domain.workload import FLEET, WHOLE, Demand

# In the order in which they are looked at; a site counts for the first that removes it.
FILTERS = (
    "admission",
    "site",
    "region",
    "security_grade",
    "state_owned_cloud",
    "latency",
    "distance",
    "executor",
    "model",
    "domestic",
    "server_size",
    "lease",
    "price",
)
# What more capacity of the same kind can never mend.
NEVER = frozenset({"model", "domestic", "server_size"})


class Around(NamedTuple):
    """What a filter must know beyond the site: where all stand, how domestic classes begin."""

    atlas: Atlas
    domestic: tuple[str, ...] = ()


NOTHING_AROUND = Around(Atlas())


class Suitable(NamedTuple):
    """A class of a site that nothing speaks against; the price is the lease's where it has one."""

    offer: ClassOffer
    price_micro_yuan: int
    lease: LeaseOffer | None


def latency_us(offer: SiteOffer, region: str) -> int | None:
    """One way to a region, measured or else registered; None where it is neither."""
    return dict(offer.standing.latencies_us).get(region)


def objections(
    offer: SiteOffer, demand: Demand, tenant_id: str = "", around: Around = NOTHING_AROUND
) -> list[str]:
    """Names of all filters that remove the site, in their order."""
    found = list(_standing_objections(offer, demand, around.atlas))
    found.extend(_class_objections(offer, demand, tenant_id, around))
    return found


def suitable(
    offer: SiteOffer, demand: Demand, tenant_id: str, around: Around = NOTHING_AROUND
) -> list[Suitable]:
    """Classes that could hold a replica when empty, at a price the demand bears."""
    found = []
    for c in _large_enough(offer, demand, around):
        lease = lease_of(offer, demand, tenant_id, c)
        price = lease.price_micro_yuan if lease else c.price_micro_yuan
        if lease or not _too_dear(c, demand):
            found.append(Suitable(c, price, lease))
    return found


def lease_of(offer: SiteOffer, demand: Demand, tenant_id: str, c: ClassOffer) -> LeaseOffer | None:
    """The tenant's lease of this class that the demand names."""
    if not demand.lease_id or c.executor != FLEET:
        return None
    for lease in offer.leases:
        if lease[:3] == (demand.lease_id, tenant_id, c.class_id):
            return lease
    return None


def welcome(class_id: str, demand: Demand, around: Around) -> bool:
    """A class of the wished kind, and a domestic one where only those will do."""
    domestic = not demand.constraints.domestic_only or class_id.startswith(around.domestic)
    return domestic and demand.accepts_class(class_id)


def _standing_objections(offer: SiteOffer, demand: Demand, atlas: Atlas) -> Iterator[str]:
    site, asked = offer.standing, demand.constraints
    if not site.admitted:
        yield "admission"
    if asked.site_ids and offer.site_id not in asked.site_ids:
        yield "site"
    if asked.regions and site.region not in asked.regions:
        yield "region"
    if site.security_grade < asked.security_grade_min:
        yield "security_grade"
    if asked.state_owned_cloud and not site.state_owned_cloud:
        yield "state_owned_cloud"
    if asked.latency_region:
        one_way_us = latency_us(offer, asked.latency_region)
        if one_way_us is None or one_way_us > asked.latency_us_max:
            yield "latency"
    if not atlas.is_far_enough(offer.site_id, asked):
        yield "distance"


def _class_objections(
    offer: SiteOffer, demand: Demand, tenant_id: str, around: Around
) -> Iterator[str]:
    if not any(c.executor == demand.constraints.executor for c in offer.classes):
        yield "executor"
        return
    if not any(demand.accepts_class(c.class_id) for c in offer.classes):
        yield "model"
        return
    if not any(welcome(c.class_id, demand, around) for c in offer.classes):
        yield "domestic"
        return
    fitting = list(_large_enough(offer, demand, around))
    if not fitting:
        yield "server_size"
    leased = any(lease_of(offer, demand, tenant_id, c) for c in fitting)
    if demand.lease_id and not leased:
        yield "lease"
    if fitting and not leased and all(_too_dear(c, demand) for c in fitting):
        yield "price"


def _large_enough(offer: SiteOffer, demand: Demand, around: Around) -> Iterator[ClassOffer]:
    asked = demand.resources
    for c in offer.classes:
        if (
            c.executor == demand.constraints.executor
            and welcome(c.class_id, demand, around)
            and c.cpu_milli_largest >= asked.cpu_milli
            and c.memory_mib_largest >= asked.memory_mib
            and c.accelerators_largest >= asked.accelerators
            and c.servers * _replicas_max(c, demand) >= demand.replicas
        ):
            yield c


def _replicas_max(c: ClassOffer, demand: Demand) -> int:
    """At most so many replicas on one empty server."""
    asked = demand.resources
    most = demand.constraints.replicas_per_server_max or demand.replicas
    if asked.cpu_milli:
        most = min(most, c.cpu_milli_largest // asked.cpu_milli)
    if asked.accelerators:
        milli = asked.accelerators * asked.device_milli
        most = min(most, c.accelerators_largest * WHOLE // milli)
    return most


def _too_dear(c: ClassOffer, demand: Demand) -> bool:
    return 0 < demand.price_micro_yuan_max < c.price_micro_yuan
