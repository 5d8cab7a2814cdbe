"""Workloads and why-nots, in and out."""

from __future__ import annotations

from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import workload_pb2

from hexi_scheduler.domain.why import FilterCount, WhyNot
from hexi_scheduler.domain.workload import (
    FLEET,
    HOST,
    WHOLE,
    Constraints,
    Demand,
    Resources,
    Workload,
)

DEMANDS_MAX = 20_000


class WorkloadReader:
    """Reads workloads; equal demands become one object, since few shapes make most of the work."""

    def __init__(self) -> None:
        self._demands: dict[tuple[bytes, bytes, int, int, str, bool], Demand] = {}

    def read(self, message: workload_pb2.Workload) -> Workload:
        spec = message.spec
        return Workload(
            message.workload_id,
            message.tenant_id,
            self.demand(spec),
            spec.priority,
            spec.duration_s_max,
            message.submitted_at_ms,
            message.traceparent,
            message.SerializeToString(deterministic=True),
        )

    def demand(self, spec: workload_pb2.WorkloadSpec) -> Demand:
        key = (
            spec.resources.SerializeToString(),
            spec.constraints.SerializeToString(),
            spec.replicas,
            spec.price_micro_yuan_max,
            spec.lease_id,
            bool(spec.command.argv),
        )
        found = self._demands.get(key)
        if found is None:
            if len(self._demands) >= DEMANDS_MAX:
                self._demands.clear()
            found = self._demands[key] = _demand(spec)
        return found


def _demand(spec: workload_pb2.WorkloadSpec) -> Demand:
    # Without a wish, a real command goes where processes are real.
    executor = spec.constraints.executor or (HOST if spec.command.argv else FLEET)
    return Demand(
        _resources(spec.resources),
        spec.replicas,
        _constraints(spec.constraints, executor),
        spec.price_micro_yuan_max,
        spec.lease_id,
    )


def _resources(asked: common_pb2.Resources) -> Resources:
    milli = min(WHOLE, asked.accelerator_milli or WHOLE)
    return Resources(
        max(1, asked.cpu_milli),
        asked.memory_mib,
        asked.accelerators,
        milli,
        tuple(sorted(asked.accelerator_models)),
    )


def _constraints(asked: workload_pb2.Constraints, executor: str) -> Constraints:
    return Constraints(
        tuple(asked.site_ids),
        tuple(asked.regions),
        asked.state_owned_cloud,
        asked.security_grade_min,
        asked.latency_region,
        asked.latency_us_max,
        executor,
    )


def why_not_message(why: WhyNot) -> workload_pb2.WhyNot:
    return workload_pb2.WhyNot(
        filters=[
            workload_pb2.FilterCount(filter=name, sites_removed=sites, servers_removed=servers)
            for name, sites, servers in why.filters
        ],
        sites=why.sites,
        servers=why.servers,
        nearest_miss=why.nearest_miss,
    )


def why_not(message: workload_pb2.WhyNot) -> WhyNot:
    return WhyNot(
        tuple(FilterCount(f.filter, f.sites_removed, f.servers_removed) for f in message.filters),
        message.sites,
        message.servers,
        message.nearest_miss,
    )
