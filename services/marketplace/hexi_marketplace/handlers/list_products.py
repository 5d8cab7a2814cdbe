"""Says what can be traded now: every admitted site's classes at its grade, slot by slot."""

from __future__ import annotations

from hexi_kit.clock import Clock

from hexi_marketplace.domain.product import SLOT_MS, Product, first_open_slot_ms, product_of
from hexi_marketplace.domain.rules import MarketRules
from hexi_marketplace.domain.supply import Supply


class ListProducts:
    """Reads only: what it says is what placing an order checks."""

    def __init__(self, supply: Supply, rules: MarketRules, clock: Clock) -> None:
        self._supply, self._rules, self._clock = supply, rules, clock

    def __call__(self, site_id: str = "", class_id: str = "") -> list[Product]:
        """Open products, the earliest slot first, then by class and site."""
        now_ms = self._clock.now_ms()
        kinds = sorted(
            (one_class, self._rules.grade(site.pue_milli, now_ms), site.site_id)
            for site in self._supply.admitted_sites()
            if site_id in ("", site.site_id)
            for one_class in self._supply.classes(site.site_id)
            if class_id in ("", one_class)
        )
        first_ms = first_open_slot_ms(now_ms)
        return [
            product_of(one_class, grade, one_site, first_ms + slot * SLOT_MS)
            for slot in range(self._rules.horizon_slots(now_ms))
            for one_class, grade, one_site in kinds
        ]
