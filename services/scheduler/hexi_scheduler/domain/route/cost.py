"""What a unit of a demand costs in a site for one slot, term by term, in micro-yuan.

This is the reference, one site at a time; `shelf` does the same sums for all sites at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from hexi_scheduler.domain.hours import HOURS, at_all_hours, hour_of_day
from hexi_scheduler.domain.offer import SiteOffer
from hexi_scheduler.domain.route.atlas import Atlas
from hexi_scheduler.domain.route.data_cost import data_cost
from hexi_scheduler.domain.route.filters import Suitable, latency_us
from hexi_scheduler.domain.route.route_policy import RoutePolicy
from hexi_scheduler.domain.workload import Demand, Workload

SLOT_S = 900
WS_PER_KWH = 3_600_000
G_PER_KG = 1_000
PPM = 1_000_000


class CostTerms(NamedTuple):
    """The parts of a cost; what is chosen is chosen by their sum."""

    price: int = 0
    energy: int = 0
    carbon: int = 0
    data: int = 0
    latency: int = 0
    risk: int = 0
    voucher: int = 0  # what one takes off the price: not above zero

    @property
    def total(self) -> int:
        return sum(self)


class Stay(NamedTuple):
    """When a run would begin, and for how many hours and slots it would be there."""

    hour: int
    hours: int
    slots: int


def stay_of(workload: Workload, policy: RoutePolicy, at_ms: int) -> Stay:
    """If it started at once. Hours repeat every day: more than a day is a day."""
    run_s = policy.run_s(workload)
    return Stay(hour_of_day(at_ms), min(HOURS, -(-run_s // 3_600)), -(-run_s // SLOT_S))


def terms(
    policy: RoutePolicy, atlas: Atlas, site: SiteOffer, choice: Suitable, demand: Demand, stay: Stay
) -> CostTerms:
    """The cost of a class in a site, mean over the hours of the stay."""
    class_id, price = choice.offer.class_id, choice.price_micro_yuan
    hours = (hour % HOURS for hour in range(stay.hour, stay.hour + stay.hours))
    energies, carbons = burn_by_hour(policy, site, class_id, hours)
    energy, carbon = sum(energies) // stay.hours, sum(carbons) // stay.hours
    region = demand.constraints.latency_region
    one_way_us = (latency_us(site, region) or 0) if region else 0
    return CostTerms(
        price,
        energy,
        carbon,
        data_cost(policy, atlas, site.site_id, demand, stay.slots),
        one_way_us * policy.latency_micro_yuan_per_ms // 1_000,
        risk_cost(policy, site.standing.failure_ppm, price + energy + carbon),
    )


def burn_by_hour(
    policy: RoutePolicy, site: SiteOffer, class_id: str, hours: Iterable[int] = range(HOURS)
) -> tuple[list[int], list[int]]:
    """Energy and carbon of a unit for a slot, by hour of the day."""
    standing = site.standing
    slot_ws = policy.power_w(class_id) * SLOT_S
    pue = at_all_hours(standing.pue_milli_by_hour, standing.pue_milli)
    mix = at_all_hours(standing.carbon_g_per_kwh_by_hour, standing.carbon_g_per_kwh)
    energies, carbons = [], []
    for hour in hours:
        burnt_ws = slot_ws * pue[hour] // 1_000
        energies.append(burnt_ws * policy.energy_micro_yuan_per_kwh // WS_PER_KWH)
        priced = burnt_ws * mix[hour] * policy.carbon_micro_yuan_per_kg
        carbons.append(priced // (WS_PER_KWH * G_PER_KG))
    return energies, carbons


def risk_cost(policy: RoutePolicy, failure_ppm: int, paid_micro_yuan: int) -> int:
    """What is lost on average because runs fail there."""
    return failure_ppm * policy.risk_loss_milli // 1_000 * paid_micro_yuan // PPM
