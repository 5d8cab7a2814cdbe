"""What PLACE owes: billing events and reports, out."""

from __future__ import annotations

from hexi.scheduler.v1 import place_pb2, route_pb2
from hexi_kit import ids

from hexi_scheduler.domain.owed import Report, Usage, UsageKind


def usage(of: Usage, site_id: str) -> place_pb2.Usage:
    """One billing event; its id is a function of placement, kind and start."""
    placement = of.placement
    workload = placement.workload
    asked, replicas = workload.demand.resources, workload.demand.replicas
    price, lease_id = placement.tariff.at(of.start_ms)
    length_ms = of.end_ms - of.start_ms
    return place_pb2.Usage(
        usage_id=ids.derive("usage", placement.placement_id, of.kind.name, of.start_ms),
        kind=of.kind.value,  # type: ignore[arg-type]  # numbers are those of the wire
        placement_id=placement.placement_id,
        workload_id=workload.workload_id,
        tenant_id=workload.tenant_id,
        site_id=site_id,
        class_id=placement.class_id,
        start_ms=of.start_ms,
        end_ms=of.end_ms,
        units=placement.units,
        unit_ms=placement.units * length_ms,
        price_micro_yuan=price,
        lease_id=lease_id,
        cpu_milli_ms=asked.cpu_milli * replicas * length_ms,
        accelerator_milli_ms=asked.accelerators * asked.device_milli * replicas * length_ms,
        energy_ws=of.energy_ws if of.kind is UsageKind.ENDED else 0,
        traceparent=workload.traceparent,
    )


def reported(of: Report, site_id: str) -> route_pb2.PlacementReported:
    return route_pb2.PlacementReported(
        workload_id=of.workload_id,
        attempt=of.attempt,
        site_id=site_id,
        outcome=of.outcome.value,  # type: ignore[arg-type]  # numbers are those of the wire
        reason=of.reason,
        kept_ms=of.kept_ms,
    )
