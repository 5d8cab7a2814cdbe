"""Rows of the monitor as values, and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from hexi_security_monitor.domain.clocks import Deadline
from hexi_security_monitor.domain.containment import Directive
from hexi_security_monitor.domain.event import Severity
from hexi_security_monitor.domain.incident import Incident, IncidentState, Step
from hexi_security_monitor.domain.watch import RackMap, Watch


def rack_map(row: Any) -> RackMap:
    rack_of = np.frombuffer(row["rack_of"], "<i4").astype(np.int32)
    return RackMap(row["site_id"], row["revision"], tuple(row["racks"]), rack_of)


def watch(row: Any) -> Watch:
    return Watch(
        rack_map(row),
        np.frombuffer(row["last_good_ms"], "<i8").astype(np.int64),
        np.frombuffer(row["silent"], np.uint8).astype(np.bool_),
        row["newest_ms"],
    )


def directive(row: Any) -> Directive:
    return Directive(
        row["directive_id"],
        row["site_id"],
        tuple(row["racks"]),
        row["active"],
        row["automatic"],
        row["reason"],
        row["incident_id"],
        row["issued_by"],
        row["issued_at_ms"],
    )


def incident(row: Any) -> Incident:
    details = json.loads(row["details"])
    return Incident(
        row["incident_id"],
        row["site_id"],
        row["rule_id"],
        row["title"],
        Severity(row["severity"]),
        IncidentState(row["state"]),
        row["opened_at_ms"],
        tuple(Deadline(*fields) for fields in details["deadlines"]),
        row["findings"],
        tuple(details["proposed_racks"]),
        tuple(Step(IncidentState(state), *rest) for state, *rest in details["steps"]),
    )


def incident_details(value: Incident) -> str:
    """What is read back only together with its incident."""
    return json.dumps(
        {
            "deadlines": [
                [one.rule_id, one.addressee, one.due_at_ms, one.source] for one in value.deadlines
            ],
            "proposed_racks": value.proposed_racks,
            "steps": [[one.state, one.by, one.at_ms, one.note] for one in value.steps],
        },
        ensure_ascii=False,
    )
