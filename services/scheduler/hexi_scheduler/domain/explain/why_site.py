"""The nearest miss in each dimension that concerns a site as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from hexi_scheduler.domain.offer import ClassOffer, SiteOffer
from hexi_scheduler.domain.route.filters import Around, latency_us, welcome
from hexi_scheduler.domain.why import Miss
from hexi_scheduler.domain.workload import WHOLE, Demand

UNMEASURED = -1


class Judged(NamedTuple):
    """A site and all that speaks against it, in the order of the filters."""

    offer: SiteOffer
    objections: tuple[str, ...]


class _Gap(NamedTuple):
    asked: int
    found: int
    names: tuple[str, ...] = ()
    dimension: str = ""  # where it says more than the filter's name
    measured: bool = False

    @property
    def missing(self) -> int:
        return abs(self.asked - self.found)


def site_misses(judged: Iterable[Judged], demand: Demand, around: Around) -> tuple[Miss, ...]:
    """For each filter the site that came nearest: the fewest other objections, then the gap."""
    best: dict[str, tuple[tuple[int, int, str], Miss]] = {}
    for offer, objections in judged:
        for name in objections:
            gap = _gap(name, offer, demand, around)
            key = (len(objections), gap.missing, offer.site_id)
            dimension = gap.dimension or name
            if dimension not in best or key < best[dimension][0]:
                alone = len(objections) == 1
                miss = Miss(dimension, offer.site_id, gap.asked, gap.found, None, alone, gap.names)
                best[dimension] = key, miss._replace(measured=gap.measured)
    return tuple(miss for _, miss in best.values())


def _gap(name: str, offer: SiteOffer, demand: Demand, around: Around) -> _Gap:
    measure = _GAPS.get(name)
    return measure(offer, demand, around) if measure else _Gap(1, 0)


def _admission(offer: SiteOffer, demand: Demand, around: Around) -> _Gap:
    return _Gap(1, 0, dimension="site_lost" if offer.lost_at_ms else "")


def _latency(offer: SiteOffer, demand: Demand, around: Around) -> _Gap:
    asked = demand.constraints
    found = latency_us(offer, asked.latency_region)
    found = UNMEASURED if found is None else found
    measured = asked.latency_region in offer.standing.latency_measured
    return _Gap(asked.latency_us_max, found, (asked.latency_region,), measured=measured)


def _grade(offer: SiteOffer, demand: Demand, around: Around) -> _Gap:
    return _Gap(demand.constraints.security_grade_min, offer.standing.security_grade)


def _distance(offer: SiteOffer, demand: Demand, around: Around) -> _Gap:
    asked = demand.constraints
    found = around.atlas.distance_km(offer.site_id, asked.distance_from_site_id)
    found = UNMEASURED if found is None else found
    return _Gap(asked.distance_km_min, found, (asked.distance_from_site_id,))


def _region(offer: SiteOffer, demand: Demand, around: Around) -> _Gap:
    return _Gap(1, 0, (offer.standing.region, *demand.constraints.regions))


def _site(offer: SiteOffer, demand: Demand, around: Around) -> _Gap:
    return _Gap(1, 0, demand.constraints.site_ids)


def _model(offer: SiteOffer, demand: Demand, around: Around) -> _Gap:
    return _Gap(1, 0, demand.resources.models)


def _executor(offer: SiteOffer, demand: Demand, around: Around) -> _Gap:
    return _Gap(1, 0, (demand.constraints.executor,))


def _lease(offer: SiteOffer, demand: Demand, around: Around) -> _Gap:
    units = [x.units_free for x in offer.leases if x.lease_id == demand.lease_id]
    return _Gap(demand.units, sum(units), (demand.lease_id,))


def _price(offer: SiteOffer, demand: Demand, around: Around) -> _Gap:
    priced = [(c.price_micro_yuan, c.class_id) for c in _classes(offer, demand, around)]
    price, class_id = min(priced, default=(0, ""))
    return _Gap(demand.price_micro_yuan_max, price, (class_id,))


def _server_size(offer: SiteOffer, demand: Demand, around: Around) -> _Gap:
    """The first dimension in which even an empty server of the best class is too small."""
    asked = demand.resources
    classes = list(_classes(offer, demand, around))
    sizes = (
        ("size_accelerators", asked.accelerators, "accelerators_largest"),
        ("size_cpu", asked.cpu_milli, "cpu_milli_largest"),
        ("size_memory", asked.memory_mib, "memory_mib_largest"),
    )
    for dimension, wanted, field in sizes:
        largest = max((getattr(c, field) for c in classes), default=0)
        if largest < wanted:
            return _Gap(wanted, largest, dimension=dimension)
    most = max((_replicas_empty(c, demand) for c in classes), default=0)
    return _Gap(demand.replicas, most, dimension="size_gang")


def _replicas_empty(c: ClassOffer, demand: Demand) -> int:
    asked = demand.resources
    most = demand.constraints.replicas_per_server_max or demand.replicas
    most = min(most, c.cpu_milli_largest // max(1, asked.cpu_milli))
    if asked.accelerators:
        milli = asked.accelerators * asked.device_milli
        most = min(most, c.accelerators_largest * WHOLE // milli)
    return c.servers * most


def _classes(offer: SiteOffer, demand: Demand, around: Around) -> Iterable[ClassOffer]:
    wished = demand.constraints.executor
    return (
        c for c in offer.classes if c.executor == wished and welcome(c.class_id, demand, around)
    )


_GAPS: dict[str, Callable[[SiteOffer, Demand, Around], _Gap]] = {
    "admission": _admission,
    "site": _site,
    "region": _region,
    "security_grade": _grade,
    "latency": _latency,
    "distance": _distance,
    "executor": _executor,
    "model": _model,
    "server_size": _server_size,
    "lease": _lease,
    "price": _price,
}
