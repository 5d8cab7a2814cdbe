"""What the security monitor is told from outside."""

from __future__ import annotations

from hexi_kit.settings import ServiceSettings


class SecurityMonitorSettings(ServiceSettings):
    """Adds the rules in use to what every service is told."""

    security_rules: str = "detection-2026"
    security_clocks: str = "incident-clocks-2025"
    security_connections_max: int = 6
