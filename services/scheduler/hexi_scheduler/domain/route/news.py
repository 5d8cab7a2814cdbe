"""What of an offer is news: to rows, to rankings, and to those who wait for a better hour."""

from __future__ import annotations

from hexi_scheduler.domain.offer import ClassOffer, SiteOffer


def kinds(offer: SiteOffer) -> list[tuple[str, str]]:
    return sorted({(c.class_id, c.executor) for c in offer.classes})


def seldom(offer: SiteOffer) -> tuple[object, ...]:
    """What rankings hang on."""
    leases = [(x.lease_id, x.tenant_id, x.class_id, x.price_micro_yuan) for x in offer.leases]
    return offer.standing, leases, [_size(c) for c in offer.classes]


def outlook(offer: SiteOffer) -> tuple[object, ...]:
    """What the best hour hangs on; how often runs fail moves too often to look at all who wait."""
    return offer.standing._replace(failure_ppm=0), [c.price_micro_yuan for c in offer.classes]


def _size(c: ClassOffer) -> tuple[object, ...]:
    largest = (c.cpu_milli_largest, c.memory_mib_largest, c.accelerators_largest)
    return c.class_id, c.executor, c.servers, largest, c.price_micro_yuan
