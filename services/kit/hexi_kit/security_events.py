"""Builds the OCSF 1.8 events of security.event.v1, one shape for every service that tells one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

API_ACTIVITY_CLASS_UID = 6003
APPLICATION_CATEGORY_UID = 6
OTHER_ACTIVITY_ID = 99
STATUS_FAILURE_ID = 2
ACTION_DENIED_ID = 2
DISPOSITION_BLOCKED_ID = 2
SEVERITY_ID = {"info": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}

FRAME_REFUSED = "frame.refused"
IDENTITY_REFUSED = "identity.refused"
RUN_TAMPERED = "run.tampered"
METER_IMPLAUSIBLE = "meter.implausible"


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """`kind` is one of the names above; `details` are its own fields (site_id, racks, …).

    `source` says where it came from (a peer address or an agent), `principal` whose name it bore.
    """

    event_id: str
    kind: str
    reason: str
    time_ms: int
    service: str
    operation: str
    principal: str
    source: str
    severity: str = "medium"
    message: str = ""
    correlation_id: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


def ocsf_event(event: SecurityEvent) -> dict[str, object]:
    """An API Activity that was denied; what is ours alone stands under `unmapped.hexi`."""
    metadata: dict[str, object] = {
        "version": "1.8.0",
        "product": {"name": "Hexi", "vendor_name": "Hexi"},
        "uid": event.event_id,
    }
    if event.correlation_id:
        metadata["correlation_uid"] = event.correlation_id
    return {
        "class_uid": API_ACTIVITY_CLASS_UID,
        "category_uid": APPLICATION_CATEGORY_UID,
        "type_uid": API_ACTIVITY_CLASS_UID * 100 + OTHER_ACTIVITY_ID,
        "activity_id": OTHER_ACTIVITY_ID,
        "activity_name": event.kind,
        "severity_id": SEVERITY_ID[event.severity],
        "status_id": STATUS_FAILURE_ID,
        "action_id": ACTION_DENIED_ID,
        "disposition_id": DISPOSITION_BLOCKED_ID,
        "time": event.time_ms,
        "message": event.message or f"{event.kind}: {event.reason}",
        "metadata": metadata,
        "actor": {"user": {"name": event.principal or "anonymous"}},
        "api": {"operation": event.operation, "service": {"name": event.service}},
        "src_endpoint": {"name": event.source or "unknown"},
        "unmapped": {
            "hexi": {
                "kind": event.kind,
                "reason": event.reason,
                "principal": event.principal,
                "source": event.source,
                **event.details,
            }
        },
    }
