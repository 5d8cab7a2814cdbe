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
SPECS_MAX = 4_000

_Data = tuple[tuple[tuple[str, int], ...], int, str]
_Key = tuple[bytes, bytes, int, int, str, bool, _Data]
_Spec = tuple[Demand, int, int, tuple[int, int, int, bool, int, int]]
_NO_DATA: _Data = ((), 0, "")


class WorkloadReader:
    """Reads workloads; equal demands become one object, since few shapes make most of the work."""

    def __init__(self) -> None:
        self._demands: dict[_Key, Demand] = {}
        self._specs: dict[bytes, _Spec] = {}

    def read(self, message: workload_pb2.Workload) -> Workload:
        demand, priority, duration_s_max, more = self._spec(message.spec)
        return Workload(
            message.workload_id,
            message.tenant_id,
            demand,
            priority,
            duration_s_max,
            message.submitted_at_ms,
            message.traceparent,
            message.SerializeToString(deterministic=True),
            *more,
        )

    def _spec(self, spec: workload_pb2.WorkloadSpec) -> _Spec:
        # Teams submit the same over and over: most specifications were read before, whole.
        key = spec.SerializeToString()
        found = self._specs.get(key)
        if found is None:
            if len(self._specs) >= SPECS_MAX:
                self._specs.clear()
            more = (
                spec.template,
                spec.deadline_ms,
                spec.not_before_ms,
                spec.interruptible,
                spec.checkpoint_interval_s,
                spec.duration_s,
            )
            found = (self.demand(spec), spec.priority, spec.duration_s_max, more)
            self._specs[key] = found
        return found

    def demand(self, spec: workload_pb2.WorkloadSpec) -> Demand:
        key = (
            spec.resources.SerializeToString(),
            spec.constraints.SerializeToString(),
            spec.replicas,
            spec.price_micro_yuan_max,
            spec.lease_id,
            bool(spec.command.argv),
            _data(spec),
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
        *_data(spec),
    )


def _data(spec: workload_pb2.WorkloadSpec) -> _Data:
    if not spec.inputs and not spec.output_bytes:
        return _NO_DATA
    inputs = tuple(sorted((i.site_id, i.bytes) for i in spec.inputs))
    return inputs, spec.output_bytes, spec.output_site_id


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
        asked.tenant_isolation,
        asked.domestic_only,
        asked.replicas_per_server_max,
        asked.replicas_per_rack_max,
        asked.replicas_per_feed_max,
        asked.anti_affinity_group,
        asked.distance_km_min,
        asked.distance_from_site_id,
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
