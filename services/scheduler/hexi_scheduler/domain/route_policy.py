"""What a site costs a demand, in micro-yuan per unit and slot, by dated weights."""

from __future__ import annotations

from typing import NamedTuple

from hexi_scheduler.domain.offer import ClassOffer, SiteStanding
from hexi_scheduler.domain.workload import GENERAL

SLOT_S = 900
WS_PER_KWH = 3_600_000
PERCENT = 100


class RoutePolicy(NamedTuple):
    """Weights in force from a date on; `unit_power_w` of a class not named is `power_w_other`."""

    effective_from: str
    attempts_max: int
    energy_micro_yuan_per_kwh: int
    carbon_micro_yuan_per_kg: int
    latency_micro_yuan_per_ms: int
    power_w_general: int
    power_w_other: int
    unit_power_w: tuple[tuple[str, int], ...] = ()
    partitions: int = 16

    def cost_micro_yuan(
        self, site: SiteStanding, offer: ClassOffer, price_micro_yuan: int, latency_us: int
    ) -> int:
        """Price, energy at the site's PUE, carbon of that energy, and distance where it counts."""
        other = self.power_w_general if offer.class_id == GENERAL else self.power_w_other
        power_w = dict(self.unit_power_w).get(offer.class_id, other)
        energy_ws = power_w * SLOT_S * site.pue_milli // 1_000
        energy = energy_ws * self.energy_micro_yuan_per_kwh // WS_PER_KWH
        grams = energy_ws * site.carbon_g_per_kwh // WS_PER_KWH
        carbon = grams * self.carbon_micro_yuan_per_kg // 1_000
        distance = latency_us * self.latency_micro_yuan_per_ms // 1_000
        return price_micro_yuan + energy + carbon + distance
