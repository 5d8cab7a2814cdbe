"""The dated rules of fairness, urgency and what is kept back, as both stages are given them."""

from __future__ import annotations

from typing import NamedTuple

from hexi_scheduler.domain.keep import KeepRules
from hexi_scheduler.domain.latency import LatencyRules
from hexi_scheduler.domain.packing.rules import NO_LEARNING, PackingRules
from hexi_scheduler.domain.priority import Priorities
from hexi_scheduler.domain.tenants import Tenants
from hexi_scheduler.domain.workload import Workload


class PreemptionBudget(NamedTuple):
    """What preemption may cost in one hour of one site; victims are counted by tenant."""

    wasted_accelerator_ms_max: int = 0
    victims_per_tenant_max: int = 0


class ClaimRules(NamedTuple):
    """Large work that waited `after_ms` has what frees up in one site kept for it."""

    after_ms: int = 0
    hold_ms: int = 0
    per_site_max: int = 0
    replicas_min: int = 2
    accelerators_min: int = 0
    cpu_milli_min: int = 0


class Rules(NamedTuple):
    """Without policy there is one class, nobody has a quota, and nothing is taken from anybody."""

    priorities: Priorities = Priorities()
    tenants: Tenants = Tenants()
    preemption: PreemptionBudget = PreemptionBudget()
    claims: ClaimRules = ClaimRules()
    effective_from: str = ""
    keep: KeepRules = KeepRules()
    packing: PackingRules = NO_LEARNING
    latency: LatencyRules = LatencyRules()

    def rank(self, workload: Workload) -> int:
        """The rank of its class; no higher than its tenant may ask."""
        most = self.tenants.of(workload.tenant_id).priority_max
        return self.priorities.rank(min(workload.priority, most))


NO_RULES = Rules()
