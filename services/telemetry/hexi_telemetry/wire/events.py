"""What telemetry tells others: events of its topics and answers of its door."""

from __future__ import annotations

from hexi.telemetry.v1 import telemetry_pb2, telemetry_service_pb2
from hexi_contracts.topics import SECURITY_EVENT, TELEMETRY_FRAME, TELEMETRY_GAP
from hexi_kit.ids import derive
from hexi_kit.kafka.record import Outgoing
from hexi_kit.security_events import FRAME_REFUSED, SecurityEvent, ocsf_event

from hexi_telemetry.domain.arrival import Arrival, Refused, Suspicion
from hexi_telemetry.domain.frame import Reason
from hexi_telemetry.domain.stream import Gap, StreamKey

_SEVERE = frozenset({Reason.SIGNATURE, Reason.REPLAYED, Reason.WRONG_SITE, Reason.CHAIN})
_OPERATION = "hexi.telemetry.v1.TelemetryService/PushFrames"


def frame_event(stream: StreamKey, arrival: Arrival, traceparent: str = "") -> Outgoing:
    """The record of an accepted frame: the signed bytes as they came."""
    assert arrival.frame is not None
    event_id = derive("frame", *stream, arrival.frame.sequence)
    return Outgoing(
        TELEMETRY_FRAME, stream.site_id, arrival.payload, event_id, traceparent=traceparent
    )


def gap_message(stream: StreamKey, gap: Gap, now_ms: int) -> telemetry_pb2.GapRecorded:
    return telemetry_pb2.GapRecorded(
        site_id=stream.site_id,
        agent_id=stream.agent_id,
        epoch=stream.epoch,
        first_sequence=gap.first,
        last_sequence=gap.last,
        cause=telemetry_pb2.GapCause.ValueType(gap.cause.value),
        recorded_at_ms=now_ms,
        from_ms=gap.from_ms,
        to_ms=gap.to_ms,
    )


def gap_event(stream: StreamKey, gap: Gap, now_ms: int, traceparent: str = "") -> Outgoing:
    event_id = derive("gap", *stream, gap.first, gap.last)
    message = gap_message(stream, gap, now_ms)
    return Outgoing(TELEMETRY_GAP, stream.site_id, message, event_id, traceparent=traceparent)


def suspicion_event(suspicion: Suspicion, now_ms: int, traceparent: str = "") -> Outgoing:
    """The same bytes refused twice for the same reason are the same event."""
    peer, refusal = suspicion.peer, suspicion.refusal
    stream = peer.stream
    event_id = derive(FRAME_REFUSED, *stream, suspicion.digest.hex(), refusal.reason.name)
    document = ocsf_event(
        SecurityEvent(
            event_id,
            FRAME_REFUSED,
            refusal.reason.name,
            now_ms,
            "telemetry",
            _OPERATION,
            peer.principal,
            peer.source,
            "high" if refusal.reason in _SEVERE else "medium",
            f"frame refused: {refusal.detail}",
            details={
                "site_id": stream.site_id,
                "agent_id": stream.agent_id,
                "epoch": stream.epoch,
                "sequence": suspicion.sequence,
                "first_server": suspicion.first_server,
                "count": suspicion.count,
                "server_set_revision": suspicion.revision,
                "racks": list(suspicion.racks),
            },
        )
    )
    return Outgoing(SECURITY_EVENT, stream.site_id, document, event_id, traceparent=traceparent)


def refused_message(refused: Refused) -> telemetry_service_pb2.Refused:
    return telemetry_service_pb2.Refused(
        sequence=refused.sequence,
        reason=telemetry_pb2.FrameRefusal.ValueType(refused.refusal.reason.value),
        detail=refused.refusal.detail,
    )
