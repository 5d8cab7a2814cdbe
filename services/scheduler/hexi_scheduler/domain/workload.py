"""A workload as both stages see it: what it asks, not how it travels."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

GENERAL = "general"
FLEET, HOST = "fleet", "host"
QUANTUM = "quantum"  # how the models of such devices begin
WHOLE = 1_000
CPU_MILLI_PER_UNIT = 1_000


def is_quantum(class_id: str) -> bool:
    return class_id.lower().startswith(QUANTUM)


class Resources(NamedTuple):
    """What one replica asks of one server; `device_milli` is 1000 for whole accelerators."""

    cpu_milli: int
    memory_mib: int
    accelerators: int = 0
    device_milli: int = WHOLE
    models: tuple[str, ...] = ()

    @property
    def units(self) -> int:
        """Billed units of one replica: accelerators, or vCPU bundles."""
        if self.accelerators:
            return max(1, -(-self.accelerators * self.device_milli // WHOLE))
        return max(1, -(-self.cpu_milli // CPU_MILLI_PER_UNIT))


class Constraints(NamedTuple):
    """Hard filters; what is empty filters nothing."""

    site_ids: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    state_owned_cloud: bool = False
    security_grade_min: int = 0
    latency_region: str = ""
    latency_us_max: int = 0
    executor: str = FLEET
    tenant_isolation: bool = False
    domestic_only: bool = False
    replicas_per_server_max: int = 0
    replicas_per_rack_max: int = 0
    replicas_per_feed_max: int = 0
    anti_affinity_group: str = ""
    distance_km_min: int = 0
    distance_from_site_id: str = ""


class _Demand(NamedTuple):
    resources: Resources
    replicas: int = 1
    constraints: Constraints = Constraints()
    price_micro_yuan_max: int = 0
    lease_id: str = ""
    inputs: tuple[tuple[str, int], ...] = ()  # site, bytes
    output_bytes: int = 0
    output_site_id: str = ""


class Demand(_Demand):
    """All that decides where something fits; equal demands get equal candidates.

    Readers make equal demands one object, so what follows from one is reckoned once.
    """

    @cached_property
    def units(self) -> int:
        return self.resources.units * self.replicas

    @cached_property
    def sums(self) -> tuple[int, int, int]:
        """Milli-vCPU, memory and milli-devices of all replicas."""
        asked, replicas = self.resources, self.replicas
        milli = asked.accelerators * asked.device_milli
        return asked.cpu_milli * replicas, asked.memory_mib * replicas, milli * replicas

    def accepts_class(self, class_id: str) -> bool:
        """Accelerators of the wished models, or plain servers for those who wish none."""
        if not self.resources.accelerators:
            return class_id == GENERAL
        if is_quantum(class_id):
            return class_id in self.resources.models and self.resources.device_milli == WHOLE
        return class_id != GENERAL and (
            not self.resources.models or class_id in self.resources.models
        )


class Workload(NamedTuple):
    """One submitted workload; `body` is its wire form, carried and never read here."""

    workload_id: str
    tenant_id: str
    demand: Demand
    priority: int = 0
    duration_s_max: int = 0
    submitted_at_ms: int = 0
    traceparent: str = ""
    body: bytes = b""
    template: int = 0
    deadline_ms: int = 0
    not_before_ms: int = 0
    interruptible: bool = False
    checkpoint_interval_s: int = 0
    duration_s: int = 0


NOBODY = Workload("", "", Demand(Resources(0, 0)))
