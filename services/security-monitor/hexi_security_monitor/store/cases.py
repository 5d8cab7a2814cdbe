"""Incidents, findings and directives within one transaction, and the telling of each."""

from __future__ import annotations

from collections.abc import Sequence

from hexi_contracts.topics import SECURITY_DIRECTIVE, SECURITY_FINDING, SECURITY_INCIDENT
from hexi_kit.clock import Clock
from hexi_kit.db.queries import load
from hexi_kit.db.unit_of_work import UnitOfWork
from hexi_kit.ids import derive
from hexi_kit.kafka.codec import encode
from hexi_kit.kafka.record import Outgoing
from hexi_kit.metrics import counter, gauge
from hexi_kit.tracing import current_traceparent

from hexi_security_monitor.domain.containment import Directive
from hexi_security_monitor.domain.event import Finding
from hexi_security_monitor.domain.incident import Incident
from hexi_security_monitor.store import rows
from hexi_security_monitor.wire.messages import directive_message
from hexi_security_monitor.wire.ocsf import detection, incident_finding

QUERIES = load("hexi_security_monitor.store", "queries.sql")
FINDINGS_TOLD_MAX = 50


class PostgresCases:
    """Lives as long as its unit of work."""

    def __init__(self, uow: UnitOfWork, clock: Clock) -> None:
        self._uow, self._clock = uow, clock

    async def newest_incident(self, site_id: str, rule_id: str) -> Incident | None:
        row = await self._uow.connection.fetchrow(QUERIES.newest_incident, site_id, rule_id)
        return rows.incident(row) if row else None

    async def incident(self, incident_id: str) -> Incident | None:
        row = await self._uow.connection.fetchrow(QUERIES.lock_incident, incident_id)
        return rows.incident(row) if row else None

    async def put_incident(self, incident: Incident, *, tell: bool) -> None:
        telling = await self._uow.connection.fetchval(
            QUERIES.put_incident,
            incident.incident_id,
            incident.site_id,
            incident.rule_id,
            incident.title,
            incident.severity,
            incident.state,
            incident.opened_at_ms,
            incident.findings,
            rows.incident_details(incident),
            int(tell),
        )
        if tell:
            await self._tell(incident, telling)

    async def add_finding(self, finding: Finding, incident_id: str) -> bool:
        event = Outgoing(
            SECURITY_FINDING,
            finding.site_id or finding.source or finding.finding_id,
            detection(finding, incident_id),
            finding.finding_id,
            traceparent=current_traceparent(),
        )
        added = await self._uow.connection.fetchval(
            QUERIES.add_finding,
            finding.finding_id,
            incident_id,
            finding.time_ms,
            encode(event.message).decode(),
        )
        if added is None:
            return False
        self._uow.publish(event)
        counter("security.findings_made").add(1, {"rule": finding.rule_id})
        return True

    async def directive(self, directive_id: str) -> Directive | None:
        row = await self._uow.connection.fetchrow(QUERIES.directive, directive_id)
        return rows.directive(row) if row else None

    async def active_directives(self, site_id: str) -> Sequence[Directive]:
        found = await self._uow.connection.fetch(QUERIES.active_directives, site_id)
        return [rows.directive(row) for row in found]

    async def put_directive(self, directive: Directive) -> None:
        await self._uow.connection.execute(
            QUERIES.put_directive,
            directive.directive_id,
            directive.site_id,
            list(directive.racks),
            directive.active,
            directive.automatic,
            directive.reason,
            directive.incident_id,
            directive.issued_by,
            directive.issued_at_ms,
        )
        event_id = derive(SECURITY_DIRECTIVE.name, directive.directive_id, int(directive.active))
        self._uow.publish(
            Outgoing(
                SECURITY_DIRECTIVE,
                # Compacted by directive: one of another rack must not make this one disappear.
                f"{directive.site_id}/{directive.directive_id}",
                directive_message(directive),
                event_id,
                SECURITY_DIRECTIVE.partition_of(directive.site_id),
                current_traceparent(),
            )
        )

    async def _tell(self, incident: Incident, telling: int) -> None:
        connection, ids = self._uow.connection, [incident.incident_id]
        findings = await connection.fetch(QUERIES.finding_ids, ids)
        directives = await connection.fetch(QUERIES.directive_ids, ids)
        uid = derive(SECURITY_INCIDENT.name, incident.incident_id, telling)
        document = incident_finding(
            incident,
            findings[0]["ids"][-FINDINGS_TOLD_MAX:] if findings else [],
            directives[0]["ids"] if directives else [],
            self._clock.now_ms(),
            uid,
        )
        gauge("security.incidents_open").set(await connection.fetchval(QUERIES.open_incidents))
        key = incident.site_id or incident.incident_id
        self._uow.publish(
            Outgoing(SECURITY_INCIDENT, key, document, uid, traceparent=current_traceparent())
        )
