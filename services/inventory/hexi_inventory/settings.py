"""What the inventory is told from outside."""

from __future__ import annotations

from hexi_kit.settings import ServiceSettings


class InventorySettings(ServiceSettings):
    """Adds the rule set in use to what every service is told."""

    inventory_rule_set: str = "gansu-2022"
    inventory_connections_max: int = 6
