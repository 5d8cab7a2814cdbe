"""What settlement is told from outside, and its dated rates."""

from __future__ import annotations

from importlib.resources import files

import yaml
from hexi_kit.settings import ServiceSettings
from pydantic import Field

from hexi_settlement.domain.rules import RuleSet


class SettlementSettings(ServiceSettings):
    """Months close this long after their end, for usage that comes late."""

    close_grace_ms: int = Field(default=6 * 3_600_000, ge=0, le=10 * 86_400_000)


def load_rules() -> RuleSet:
    """The rates that ship with the service."""
    text = (files("hexi_settlement") / "rules" / "settlement.yaml").read_text(encoding="utf-8")
    return RuleSet.parse(yaml.safe_load(text)["rules"])
