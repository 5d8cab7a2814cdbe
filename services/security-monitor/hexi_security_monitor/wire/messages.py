"""Incidents, directives and accounts as messages of the API and of security.directive.v1."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from google.protobuf.message import Message
from hexi.security.v1 import security_pb2 as pb
from hexi.security.v1 import security_service_pb2 as api_pb

from hexi_security_monitor.domain.containment import Directive
from hexi_security_monitor.domain.incident import IncidentState
from hexi_security_monitor.ports import Account, IncidentView, RequestKey


def incident_message(view: IncidentView, now_ms: int) -> pb.Incident:
    incident = view.incident
    is_open = incident.state is not IncidentState.CLOSED
    message = pb.Incident(
        incident_id=incident.incident_id,
        site_id=incident.site_id,
        rule_id=incident.rule_id,
        title=incident.title,
        severity=pb.Severity.ValueType(incident.severity),
        state=pb.IncidentState.ValueType(incident.state),
        opened_at_ms=incident.opened_at_ms,
        deadlines=[
            pb.Deadline(
                rule_id=deadline.rule_id,
                addressee=deadline.addressee,
                due_at_ms=deadline.due_at_ms,
                source=deadline.source,
                overdue=is_open and deadline.due_at_ms < now_ms,
            )
            for deadline in incident.deadlines
        ],
        finding_ids=view.finding_ids,
        directive_ids=view.directive_ids,
        proposed_racks=incident.proposed_racks,
    )
    for step in incident.steps:
        message.note = step.note or message.note
        match step.state:
            case IncidentState.ACKNOWLEDGED:
                message.acknowledged_by, message.acknowledged_at_ms = step.by, step.at_ms
            case IncidentState.CONTAINED:
                message.contained_by, message.contained_at_ms = step.by, step.at_ms
            case IncidentState.CLOSED:
                message.closed_by, message.closed_at_ms = step.by, step.at_ms
    return message


def directive_message(directive: Directive) -> pb.DirectiveIssued:
    return pb.DirectiveIssued(
        directive_id=directive.directive_id,
        site_id=directive.site_id,
        racks=directive.racks,
        active=directive.active,
        reason=directive.reason,
        incident_id=directive.incident_id,
        issued_by=directive.issued_by,
        issued_at_ms=directive.issued_at_ms,
    )


def accounting_message(accounts: Sequence[Account]) -> api_pb.GetAccountingResponse:
    message = api_pb.GetAccountingResponse()
    for account in accounts:
        total = account.matched + account.unmatched + account.refused + account.shed
        message.topics.add(
            topic=account.topic,
            events_in=total,
            matched=account.matched,
            unmatched=account.unmatched,
            refused=account.refused,
            shed=account.shed,
        )
        message.events_in += total
        message.matched += account.matched
        message.unmatched += account.unmatched
        message.refused += account.refused
        message.shed += account.shed
    return message


def request_key(verb: str, principal: str, key: str, request: Message) -> RequestKey:
    """The same key with other content is another request, and is refused as such."""
    digest = blake2b(request.SerializeToString(deterministic=True), digest_size=16).hexdigest()
    return RequestKey(verb, principal, key, digest)
