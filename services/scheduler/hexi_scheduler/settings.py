"""What the scheduler is told from outside, and the dated policies that come with it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from operator import itemgetter
from typing import Any

import yaml
from hexi_kit.settings import ServiceSettings

from hexi_scheduler.domain.keep import HeadroomRules, KeepRules, PenaltyRules, SpareRules
from hexi_scheduler.domain.latency import LatencyRules
from hexi_scheduler.domain.packing.rules import PackingRules
from hexi_scheduler.domain.place.conditions import ConditionRules
from hexi_scheduler.domain.policies import Policies
from hexi_scheduler.domain.priority import Priorities, PriorityClass, Yields
from hexi_scheduler.domain.route.route_policy import RoutePolicy, dated_policy
from hexi_scheduler.domain.rules import ClaimRules, PreemptionBudget, Rules
from hexi_scheduler.domain.templates import Template, Templates
from hexi_scheduler.domain.tenants import Tenant, Tenants
from hexi_scheduler.domain.use import Use
from hexi_scheduler.domain.vouchers import dated_vouchers
from hexi_scheduler.wire.template import number_of

ACCELERATOR_MS_PER_HOUR = 3_600_000


class SchedulerSettings(ServiceSettings):
    """`worker_instance` makes a restarted worker rejoin at once; each worker has its own."""

    worker_instance: str = "scheduler-worker-0"
    session_timeout_s: float = 10.0
    site_state_interval_ms: int = 1_000
    tick_interval_s: int = 60


def policies(partitions: int) -> Policies:
    """All that a worker decides by, ROUTE in so many partitions."""
    route = route_policy()._replace(partitions=partitions)
    return Policies(route, condition_rules(), fair_rules(), packing_rules())


def route_policy() -> RoutePolicy:
    """The weights of the first date, and with it those announced for later ones."""
    return dated_policy(_parse("route-2026.yaml")["dated"])


def templates() -> Templates:
    """What templates say, from each date on."""
    said = _parse("templates-2026.yaml")
    dated = tuple((entry["effective_from"], _numbered(entry)) for entry in said["dated"])
    return Templates(said["run_s_unknown"], tuple(sorted(dated, key=itemgetter(0))))


def _numbered(entry: Mapping[str, Any]) -> dict[int, Template]:
    return {
        number_of(name): Template(**{field: _frozen(value) for field, value in said.items()})
        for name, said in entry["templates"].items()
    }


def condition_rules() -> ConditionRules:
    """The thresholds in force."""
    return ConditionRules(**_read("conditions-2026.yaml"))


def packing_rules() -> PackingRules:
    """What packing weighs, in force."""
    said = _read("packing-2026.yaml")
    for name in ("segments", "prior"):
        said[name] = [tuple(row) for row in said[name]]
    return PackingRules(**{name: _frozen(value) for name, value in said.items()})


def fair_rules() -> Rules:
    """Classes, budgets and tenants in force."""
    urgency, tenants = _read("priority-2026.yaml"), _read("tenants-2026.yaml")
    budget, claims = urgency["preemption"], urgency["claims"]
    return Rules(
        Priorities(
            tuple(
                PriorityClass(**{**said, "yields": Yields(said["yields"])})
                for said in sorted(urgency["classes"], key=lambda c: c["priority_min"])
            )
        ),
        Tenants(
            {name: _tenant(said) for name, said in tenants["named"].items()},
            _tenant(tenants["other"]),
            dated_vouchers(tenants["vouchers"]),
        ),
        PreemptionBudget(
            budget["wasted_accelerator_hours_max"] * ACCELERATOR_MS_PER_HOUR,
            budget["victims_per_tenant_max"],
        ),
        ClaimRules(
            claims["after_s"] * 1_000,
            claims["hold_s"] * 1_000,
            claims["per_site_max"],
            claims["replicas_min"],
            claims["accelerators_min"],
            claims["cpu_milli_min"],
        ),
        urgency["effective_from"],
        _keep_rules(),
        packing_rules(),
        _latency_rules(),
    )


def _latency_rules() -> LatencyRules:
    said = _read("latency-2026.yaml")
    return LatencyRules(said["fresh_s"] * 1_000, said["told_us"])


def _keep_rules() -> KeepRules:
    said = _read("backup-2026.yaml")
    headroom, penalty = said["headroom"], said["penalty"]
    return KeepRules(
        SpareRules(**{name: _frozen(value) for name, value in said["spare"].items()}),
        HeadroomRules(
            headroom["load_milli"],
            headroom["fade_s"] * 1_000,
            _frozen(headroom["power_w"]),
            headroom["power_w_other"],
        ),
        PenaltyRules(
            penalty["strikes_max"],
            penalty["window_s"] * 1_000,
            penalty["backoff_s"] * 1_000,
            penalty["backoff_s_max"] * 1_000,
        ),
        said["notice_s"] * 1_000,
    )


def _tenant(said: Mapping[str, Any]) -> Tenant:
    quota = Use(**said["quota"]) if "quota" in said else None
    return Tenant(**{**said, "quota": quota})


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
