"""Quantum devices: a class of their own, by the name of the model; never shared, never packed.

Who asks for one queues in the site, as a claim: by class and age, one after another.
"""

from __future__ import annotations

from hexi_scheduler.domain.workload import Demand, is_quantum

QUEUE_MAX = 1_000
QUEUE_HOLD_MS = 24 * 60 * 60 * 1_000


def queues(demand: Demand) -> bool:
    """Whether it asks for a quantum device."""
    return any(map(is_quantum, demand.resources.models))
