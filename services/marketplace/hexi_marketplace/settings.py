"""What the marketplace is told from outside, and the rules that come with it."""

from __future__ import annotations

from importlib.resources import files

import yaml
from hexi_kit.settings import ServiceSettings

from hexi_marketplace.domain.rules import MarketRules, read_rules


class MarketplaceSettings(ServiceSettings):
    """`sweep_interval_s` is in the event clock's seconds."""

    sweep_interval_s: int = 60


def market_rules() -> MarketRules:
    """The dated rules in force and to come."""
    text = (files("hexi_marketplace") / "rules" / "market.yaml").read_text(encoding="utf-8")
    return read_rules(yaml.safe_load(text))
