"""Renders findings and incidents as OCSF 1.8: Detection Finding (2004), Incident Finding (2005)."""

from __future__ import annotations

from collections.abc import Sequence

from hexi_security_monitor.domain.event import Finding, Severity
from hexi_security_monitor.domain.incident import Incident, IncidentState

FINDINGS_CATEGORY = 2
DETECTION_FINDING = 2004
INCIDENT_FINDING = 2005
CREATE, UPDATE, CLOSE = 1, 2, 3
ANALYTIC_RULE = 1
STATUS = {
    IncidentState.OPEN: 1,
    IncidentState.ACKNOWLEDGED: 2,
    IncidentState.CONTAINED: 2,
    IncidentState.CLOSED: 5,
}
STATUS_NEW = 1


def severity_id(severity: Severity) -> int:
    """OCSF counts from informational."""
    return severity + 1


def detection(finding: Finding, incident_id: str) -> dict[str, object]:
    return {
        **_head(DETECTION_FINDING, CREATE, finding.severity, finding.time_ms, finding.finding_id),
        "status_id": STATUS_NEW,
        "message": finding.detail,
        "finding_info": {
            "uid": finding.finding_id,
            "title": finding.title,
            "desc": finding.detail,
            "created_time": finding.time_ms,
            "first_seen_time": finding.first_seen_ms,
            "last_seen_time": finding.time_ms,
            "analytic": {"type_id": ANALYTIC_RULE, "uid": finding.rule_id, "name": finding.title},
            "related_events": [{"uid": uid} for uid in finding.event_uids],
        },
        "resources": _resources(finding),
        "unmapped": {
            "hexi": {
                "incident_id": incident_id,
                "site_id": finding.site_id,
                "rule_id": finding.rule_id,
                "racks": list(finding.racks),
            }
        },
    }


def incident_finding(
    incident: Incident,
    finding_ids: Sequence[str],
    directive_ids: Sequence[str],
    told_at_ms: int,
    uid: str,
) -> dict[str, object]:
    activity = _activity(incident)
    return {
        **_head(INCIDENT_FINDING, activity, incident.severity, told_at_ms, uid),
        "status_id": STATUS[incident.state],
        "status_detail": incident.state.name.lower(),
        "message": incident.title,
        "desc": incident.title,
        "assignee_group": {"name": "SOC"},
        "finding_info_list": [
            {"uid": finding_id, "title": incident.title} for finding_id in finding_ids
        ],
        "unmapped": {
            "hexi": {
                "incident_id": incident.incident_id,
                "site_id": incident.site_id,
                "rule_id": incident.rule_id,
                "state": incident.state.name,
                "opened_at_ms": incident.opened_at_ms,
                "deadlines": [
                    {
                        "rule_id": deadline.rule_id,
                        "addressee": deadline.addressee,
                        "due_at_ms": deadline.due_at_ms,
                        "source": deadline.source,
                    }
                    for deadline in incident.deadlines
                ],
                "directive_ids": list(directive_ids),
                "proposed_racks": list(incident.proposed_racks),
                "steps": [
                    {"state": s.state.name, "by": s.by, "at_ms": s.at_ms, "note": s.note}
                    for s in incident.steps
                ],
            }
        },
    }


def _activity(incident: Incident) -> int:
    if incident.state is IncidentState.CLOSED:
        return CLOSE
    is_first = incident.findings <= 1 and not incident.steps
    return CREATE if is_first else UPDATE


def _head(
    class_uid: int, activity: int, severity: Severity, time_ms: int, uid: str
) -> dict[str, object]:
    return {
        "class_uid": class_uid,
        "category_uid": FINDINGS_CATEGORY,
        "type_uid": class_uid * 100 + activity,
        "activity_id": activity,
        "severity_id": severity_id(severity),
        "time": time_ms,
        "metadata": {
            "version": "1.8.0",
            "product": {"name": "Hexi", "vendor_name": "Hexi"},
            "uid": uid,
        },
    }


def _resources(finding: Finding) -> list[dict[str, str]]:
    if finding.racks:
        return [
            {"uid": f"{finding.site_id}/{rack}", "name": rack, "type": "rack"}
            for rack in finding.racks
        ]
    name = finding.site_id or finding.source or "unknown"
    return [{"uid": name, "name": name, "type": "site" if finding.site_id else "source"}]
