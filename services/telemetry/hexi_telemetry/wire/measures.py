"""Measures and grades as messages: reported, stored, published, answered."""

from __future__ import annotations

from hexi.telemetry.v1 import measure_pb2
from hexi_contracts.topics import SECURITY_EVENT, TELEMETRY_MEASURE
from hexi_kit.ids import derive
from hexi_kit.kafka.record import Outgoing
from hexi_kit.security_events import SecurityEvent, ocsf_event

from hexi_telemetry.domain.measures.compute import ComputeVector, Throughput
from hexi_telemetry.domain.measures.grades import Grade
from hexi_telemetry.domain.measures.links import Link
from hexi_telemetry.domain.measures.site import SiteMeasures

LINK_DISPUTED = "link.disputed"
_OPERATION = "hexi.telemetry.v1.MeasureService/ReportMesh"


def measured_message(found: SiteMeasures, revision: int) -> measure_pb2.SiteMeasured:
    return measure_pb2.SiteMeasured(
        site_id=found.site_id,
        revision=revision,
        measured_at_ms=found.measured_at_ms,
        links=[_link(link) for link in found.links],
        latencies=[measure_pb2.RegionLatency(**one._asdict()) for one in found.latencies],
        compute=[vector_message(vector) for vector in found.compute],
        carbon_hours=[measure_pb2.CarbonHour(**hour._asdict()) for hour in found.carbon_hours],
        totals=[
            measure_pb2.Throughput(
                precision=measure_pb2.Precision.ValueType(rate.precision.number),
                sparse=rate.sparse,
                measured_mops=rate.mops,
            )
            for rate in found.totals
        ],
    )


def measured_event(found: SiteMeasures, revision: int) -> Outgoing:
    event_id = derive("measure", found.site_id, revision)
    message = measured_message(found, revision)
    return Outgoing(TELEMETRY_MEASURE, found.site_id, message, event_id)


def disputed_event(site_id: str, link: Link) -> Outgoing:
    """Two sites disagree about the way between them: one of both may be lying."""
    event_id = derive(LINK_DISPUTED, site_id, link.peer_site_id, link.measured_at_ms)
    document = ocsf_event(
        SecurityEvent(
            event_id,
            LINK_DISPUTED,
            "REPORTS_DIFFER",
            link.measured_at_ms,
            "telemetry",
            _OPERATION,
            f"site/{site_id}",
            site_id,
            message=f"{site_id} and {link.peer_site_id} disagree about their round trip",
            details={
                "site_id": site_id,
                "peer_site_id": link.peer_site_id,
                "rtt_p50_us": link.trips.p50_us,
            },
        )
    )
    return Outgoing(SECURITY_EVENT, site_id, document, event_id)


def vector_message(vector: ComputeVector) -> measure_pb2.ComputeVector:
    return measure_pb2.ComputeVector(
        subject=vector.subject,
        server_set_revision=vector.server_set_revision,
        server=vector.server,
        placement_id=vector.placement_id,
        devices=vector.devices,
        throughputs=[
            measure_pb2.Throughput(
                precision=measure_pb2.Precision.ValueType(one.precision),
                sparse=one.sparse,
                nominal_mops=one.nominal_mops,
                measured_mops=one.measured_mops,
                not_measured=one.not_measured,
                power_mw=one.power_mw,
                mops_per_w=one.mops_per_w,
            )
            for one in vector.throughputs
        ],
        memory_bytes_per_s=vector.memory_bytes_per_s,
        measured_at_ms=vector.measured_at_ms,
    )


def vector_of(message: measure_pb2.ComputeVector) -> ComputeVector:
    return ComputeVector(
        message.subject,
        message.server_set_revision,
        message.server,
        message.placement_id,
        message.devices,
        tuple(
            Throughput(
                int(one.precision),
                one.sparse,
                one.nominal_mops,
                one.measured_mops,
                one.not_measured,
                one.power_mw,
            )
            for one in message.throughputs
        ),
        message.memory_bytes_per_s,
        message.measured_at_ms,
    )


def grade_message(site_id: str, grade: Grade) -> measure_pb2.Grade:
    rule = grade.rule
    return measure_pb2.Grade(
        site_id=site_id,
        dimension=rule.dimension,
        grade=grade.grade,
        rule_id=rule.rule_id,
        value=grade.value,
        limit=grade.limit,
        unit=rule.unit,
        effective_from=rule.effective_from,
        source=rule.source,
        evidence=grade.evidence,
        decides=grade.decides,
    )


def _link(link: Link) -> measure_pb2.Link:
    return measure_pb2.Link(
        peer_site_id=link.peer_site_id,
        rtt_min_us=link.trips.min_us,
        rtt_p50_us=link.trips.p50_us,
        rtt_p99_us=link.trips.p99_us,
        samples=link.trips.samples,
        lost=link.trips.lost,
        state=measure_pb2.LinkState.ValueType(link.state.value),
        measured_at_ms=link.measured_at_ms,
    )
