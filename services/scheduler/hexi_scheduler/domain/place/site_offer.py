"""Sums a site up into what it offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hexi_scheduler.domain.offer import ClassOffer, LeaseOffer, SiteOffer, SiteStanding
from hexi_scheduler.domain.place.held import held_units
from hexi_scheduler.domain.place.latency import latencies_us
from hexi_scheduler.domain.place.lending import lent_pools
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.site_fair import fair_offer_of
from hexi_scheduler.domain.rules import NO_RULES, Rules
from hexi_scheduler.domain.workload import CPU_MILLI_PER_UNIT, FLEET, GENERAL, WHOLE


def offer_of(site: Site, rules: Rules = NO_RULES) -> SiteOffer | None:
    """The offer as of `site.revision`; none before the site is known."""
    facts, server_set = site.facts, site.server_set
    if facts is None or server_set is None:
        return None
    latencies, measured = latencies_us(site, rules.latency)
    keeping = site.keeping
    spare = keeping.spare(rules.keep.spare)
    return SiteOffer(
        site.site_id,
        site.revision,
        SiteStanding(
            facts.admitted and keeping.loss is None,
            facts.region,
            facts.security_grade,
            facts.state_owned_cloud,
            facts.pue_milli,
            facts.carbon_g_per_kwh,
            latencies,
            facts.pue_milli_by_hour,
            facts.carbon_g_per_kwh_by_hour,
            facts.position,
            facts.hub,
            site.failures.ppm,
            tuple(measured),
        ),
        tuple(_class_offers(site, spare, rules)),
        _lease_offers(site),
        server_set.revision,
        fair=fair_offer_of(site, rules),
        spare=tuple(_spare_offers(site, spare)),
        lost_at_ms=keeping.loss.lost_at_ms if keeping.loss else 0,
    )


def _class_offers(site: Site, spare: Mapping[str, int], rules: Rules) -> Iterator[ClassOffer]:
    for kind in sorted(site.capacity.kinds):
        offer = _class_offer(site, kind, spare)
        if kind[0] == GENERAL:
            for pool in lent_pools(site, kind[1], rules.packing):
                cpu_max, memory_max = pool.most()
                offer = offer._replace(
                    cpu_milli_free=offer.cpu_milli_free + pool.cpu_milli,
                    memory_mib_free=offer.memory_mib_free + pool.memory_mib,
                    cpu_milli_free_max=max(offer.cpu_milli_free_max, cpu_max),
                    memory_mib_free_max=max(offer.memory_mib_free_max, memory_max),
                )
        yield offer


def _class_offer(site: Site, kind: tuple[str, str], spare: Mapping[str, int]) -> ClassOffer:
    pool = site.capacity.pools[kind]
    held = held_units(site, *kind) + (spare.get(kind[0], 0) if kind[1] == FLEET else 0)
    servers, cpu_milli, memory_mib, accelerators = site.capacity.kinds[kind][:4]
    cpu_max, memory_max = pool.most()
    return ClassOffer(
        *kind,
        servers=servers,
        servers_out=servers - pool.servers,
        cpu_milli_free=max(0, pool.cpu_milli - (0 if accelerators else held * CPU_MILLI_PER_UNIT)),
        memory_mib_free=pool.memory_mib,
        accelerator_milli_free=max(0, pool.device_milli - held * WHOLE),
        servers_with_free_accelerators=pool.with_wholes(accelerators),
        cpu_milli_free_max=cpu_max,
        memory_mib_free_max=memory_max,
        cpu_milli_largest=cpu_milli,
        memory_mib_largest=memory_mib,
        accelerators_largest=accelerators,
        price_micro_yuan=site.prices.get(kind[0], 0),
    )


def _spare_offers(site: Site, spare: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """What is left of the spare units: more than is free nobody can be given."""
    for class_id, units in spare.items():
        left = min(units, site.capacity.pools[class_id, FLEET].units_free)
        if left > 0:
            yield class_id, left


def _lease_offers(site: Site) -> tuple[LeaseOffer, ...]:
    return tuple(
        LeaseOffer(
            lease.lease_id,
            lease.tenant_id,
            lease.class_id,
            lease.units - site.drawn.get(lease.lease_id, 0),
            lease.price_micro_yuan,
        )
        for lease in sorted(site.reservations.values())
        if lease.start_ms <= site.now_ms < lease.end_ms
    )
