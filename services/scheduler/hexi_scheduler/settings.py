"""What the scheduler is told from outside, and the dated policies that come with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """The weights of the first date, and with it those announced for later ones."""
    return dated_policy(_parse("route-2026.yaml")["dated"])


def dated_policy(entries: Sequence[Mapping[str, Any]]) -> RoutePolicy:
    """Entries in the order of their dates; each names what changes from then on.

    Raises:
        ValueError: dates out of order, or a weight that nobody knows.
    """
    dates = [entry["effective_from"] for entry in entries]
    if not dates or dates != sorted(set(dates)):
        raise ValueError(f"expected dates in order, each once, was {dates}")
    known: dict[str, Any] = {}
    dated = []
    for date, entry in zip(dates, entries, strict=True):
        known |= {name: _frozen(said["value"]) for name, said in entry["weights"].items()}
        unknown = known.keys() - set(RoutePolicy._fields)
        if unknown:
            raise ValueError(f"expected weights of ROUTE, was {sorted(unknown)}")
        dated.append(RoutePolicy(effective_from=date, **known))
    return dated[0]._replace(later=tuple(dated[1:]))


def condition_rules() -> ConditionRules:
    """The thresholds in force."""
    return ConditionRules(**_read("conditions-2026.yaml"))


def _read(name: str) -> dict[str, Any]:
    said = _parse(name)
    del said["source"]
    return said


def _parse(name: str) -> dict[str, Any]:
    text = (files("hexi_scheduler") / "policies" / name).read_text(encoding="utf-8")
    said: dict[str, Any] = yaml.safe_load(text)
    return said


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(sorted(value.items()))
    return tuple(value) if isinstance(value, list) else value
