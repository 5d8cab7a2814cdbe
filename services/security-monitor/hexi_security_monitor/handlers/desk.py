"""What every verb works with, and the one way from a finding to an incident."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone

from hexi_kit.clock import Clock
from hexi_kit.ids import derive

from hexi_security_monitor.domain.clocks import Clocks
from hexi_security_monitor.domain.containment import Directive, contain
from hexi_security_monitor.domain.event import Finding, Verdict
from hexi_security_monitor.domain.incident import Incident, join, open_incident
from hexi_security_monitor.domain.rules import Rule, RuleBook
from hexi_security_monitor.ports import Monitor, Work

SHANGHAI = timezone(timedelta(hours=8))
ISSUER = "security-monitor"


@dataclass(frozen=True, slots=True)
class Desk:
    """Rules, clocks, the store and the time."""

    monitor: Monitor
    rules: RuleBook
    clocks: Clocks
    clock: Clock


def day_of(time_ms: int) -> date:
    """Rules begin and end at midnight of the province."""
    return datetime.fromtimestamp(time_ms / 1000, SHANGHAI).date()


async def raise_finding(desk: Desk, work: Work, rule: Rule, finding: Finding) -> Verdict:
    """Keep a finding, in the incident it belongs to, and contain what may be contained.

    A full incident takes no more: the event is shed, and counted as such.
    """
    incident = await work.newest_incident(finding.site_id, rule.rule_id)
    is_new = incident is None or not incident.takes(finding, rule)
    if incident is None or is_new:
        incident = await _open(desk, work, finding)
    elif incident.is_full:
        return Verdict.SHED
    # The incident's row goes first: the finding refers to it.
    await work.put_incident(incident, tell=False)
    if not await work.add_finding(finding, incident.incident_id):
        return Verdict.MATCHED
    joined = join(incident, finding)
    if rule.response == "quarantine":
        joined = await _contain(desk, work, joined, finding)
    changed = replace(joined, findings=incident.findings) != incident
    await work.put_incident(joined, tell=is_new or changed)
    return Verdict.MATCHED


async def _open(desk: Desk, work: Work, finding: Finding) -> Incident:
    site = await work.standing(finding.site_id)
    day = day_of(finding.time_ms)
    deadlines = desk.clocks.deadlines(site, finding.severity, finding.first_seen_ms, day)
    opened = open_incident(finding, deadlines)
    # A finding that came before, by a record heard twice, has opened it already.
    return await work.incident(opened.incident_id) or opened


async def _contain(desk: Desk, work: Work, incident: Incident, finding: Finding) -> Incident:
    active = await work.active_directives(finding.site_id)
    containment = contain(finding.racks, active, desk.rules.blast_radius_racks)
    if containment.quarantine:
        directive_id = derive("directive", incident.incident_id, *containment.quarantine)
        if await work.directive(directive_id) is None:
            await work.put_directive(
                Directive(
                    directive_id,
                    finding.site_id,
                    containment.quarantine,
                    active=True,
                    automatic=True,
                    reason=f"{finding.title}: {finding.detail}",
                    incident_id=incident.incident_id,
                    issued_by=ISSUER,
                    issued_at_ms=desk.clock.now_ms(),
                )
            )
    if containment.proposed:
        proposed = sorted({*incident.proposed_racks, *containment.proposed})
        return replace(incident, proposed_racks=tuple(proposed))
    return incident
