"""What the scheduler is told from outside, and the dated policies that come with it."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml
from hexi_kit.settings import ServiceSettings

from hexi_scheduler.domain.conditions import ConditionRules
from hexi_scheduler.domain.route_policy import RoutePolicy


class SchedulerSettings(ServiceSettings):
    """`worker_instance` makes a restarted worker rejoin at once; each worker has its own."""

    worker_instance: str = "scheduler-worker-0"
    session_timeout_s: float = 10.0
    site_state_interval_ms: int = 1_000
    tick_interval_s: int = 60


def route_policy() -> RoutePolicy:
    """The weights in force."""
    said = _read("route-2026.yaml")
    power = tuple(sorted(said.pop("unit_power_w").items()))
    return RoutePolicy(**said, unit_power_w=power)


def condition_rules() -> ConditionRules:
    """The thresholds in force."""
    return ConditionRules(**_read("conditions-2026.yaml"))


def _read(name: str) -> dict[str, Any]:
    text = (files("hexi_scheduler") / "policies" / name).read_text(encoding="utf-8")
    said: dict[str, Any] = yaml.safe_load(text)
    del said["source"]
    return said
