"""An incident's life, and how findings become one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from hexi_kit.errors import FailedPrecondition
from hexi_kit.ids import derive

from hexi_security_monitor.domain.clocks import Deadline
from hexi_security_monitor.domain.event import Finding, Severity
from hexi_security_monitor.domain.rules import Rule

FINDINGS_MAX = 1_000


class IncidentState(IntEnum):
    """OPEN -> ACKNOWLEDGED -> CONTAINED -> CLOSED; numbers are those of the wire."""

    OPEN = 1
    ACKNOWLEDGED = 2
    CONTAINED = 3
    CLOSED = 4


@dataclass(frozen=True, slots=True)
class Step:
    """Who took an incident into a state, and when."""

    state: IncidentState
    by: str
    at_ms: int
    note: str


@dataclass(frozen=True, slots=True)
class Incident:
    """Opened by a finding, moved by people; `steps` are what people did, in order."""

    incident_id: str
    site_id: str
    rule_id: str
    title: str
    severity: Severity
    state: IncidentState
    opened_at_ms: int
    deadlines: tuple[Deadline, ...]
    findings: int
    proposed_racks: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def is_full(self) -> bool:
        return self.findings >= FINDINGS_MAX

    def takes(self, finding: Finding, rule: Rule) -> bool:
        """Whether a later finding belongs to this incident."""
        distance_ms = abs(finding.time_ms - self.opened_at_ms)
        return self.state is not IncidentState.CLOSED and distance_ms < rule.correlation_ms

    def advance(self, step: Step) -> Incident:
        """One state further; nothing is skipped and nothing goes back."""
        if step.state != self.state + 1:
            raise FailedPrecondition(
                f"expected the state after {self.state.name}, was {step.state.name}", "state"
            )
        return replace(self, state=step.state, steps=(*self.steps, step))


def open_incident(finding: Finding, deadlines: tuple[Deadline, ...]) -> Incident:
    """The same first finding opens the same incident."""
    return Incident(
        derive("incident", finding.site_id, finding.rule_id, finding.finding_id),
        finding.site_id,
        finding.rule_id,
        finding.title,
        finding.severity,
        IncidentState.OPEN,
        finding.first_seen_ms,
        deadlines,
        0,
    )


def join(incident: Incident, finding: Finding) -> Incident:
    """The worst finding gives the grade."""
    return replace(
        incident,
        findings=incident.findings + 1,
        severity=max(incident.severity, finding.severity),
    )
