"""SecurityService: checks what the SOC asks, then lets a handler act."""

from __future__ import annotations

from typing import Any

import grpc
from hexi.security.v1 import security_service_pb2 as pb
from hexi.security.v1 import security_service_pb2_grpc as pb_grpc
from hexi_kit.errors import NotFound
from hexi_kit.rpc.context import current_principal
from hexi_kit.rpc.validate import Violations

from hexi_security_monitor.domain.incident import IncidentState
from hexi_security_monitor.handlers import respond
from hexi_security_monitor.handlers.desk import Desk
from hexi_security_monitor.ports import Page
from hexi_security_monitor.wire.events import SITE_ID
from hexi_security_monitor.wire.messages import (
    accounting_message,
    directive_message,
    incident_message,
    request_key,
)

PAGE_SIZE_MAX = 1_000
PAGE_SIZE_DEFAULT = 100
RACKS_MAX = 1_000
NOTE_CHARS_MAX = 2_000
RACK_CHARS_MAX = 64
Context = grpc.aio.ServicerContext[Any, Any]


class SecurityServicer(pb_grpc.SecurityServiceServicer):
    """Who may call is said by the policies: the SOC acts, oversight reads, tenants do neither."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._monitor = desk.monitor

    async def ListIncidents(
        self, request: pb.ListIncidentsRequest, context: Context
    ) -> pb.ListIncidentsResponse:
        found = Violations()
        _site_id(found, "site_id", request.site_id, may_be_empty=True)
        found.bounded("page_size", request.page_size, 0, PAGE_SIZE_MAX)
        if request.page_token:
            found.identifier("page_token", request.page_token)
        found.raise_if_any()
        page = Page(request.page_size or PAGE_SIZE_DEFAULT, request.page_token)
        views = await self._monitor.list_incidents(request.site_id, request.open_only, page)
        now_ms = self._desk.clock.now_ms()
        token = views[-1].incident.incident_id if len(views) == page.size else ""
        return pb.ListIncidentsResponse(
            incidents=[incident_message(view, now_ms) for view in views], next_page_token=token
        )

    async def GetIncident(
        self, request: pb.GetIncidentRequest, context: Context
    ) -> pb.GetIncidentResponse:
        found = Violations()
        found.identifier("incident_id", request.incident_id)
        found.raise_if_any()
        view = await self._monitor.view(request.incident_id)
        if view is None:
            raise NotFound("incident", request.incident_id)
        return pb.GetIncidentResponse(
            incident=incident_message(view, self._desk.clock.now_ms()),
            findings=await self._monitor.finding_documents(request.incident_id),
        )

    async def AdvanceIncident(
        self, request: pb.AdvanceIncidentRequest, context: Context
    ) -> pb.AdvanceIncidentResponse:
        found = Violations()
        found.identifier("idempotency_key", request.idempotency_key)
        found.identifier("incident_id", request.incident_id)
        found.bounded("state", request.state, IncidentState.ACKNOWLEDGED, IncidentState.CLOSED)
        is_closing = int(request.state) == IncidentState.CLOSED
        _plain(found, "note", request.note, NOTE_CHARS_MAX, 1 if is_closing else 0)
        found.raise_if_any()
        caller = current_principal().uri
        key = request_key("advance", caller, request.idempotency_key, request)
        view = await respond.advance(
            self._desk, key, request.incident_id, IncidentState(request.state), request.note
        )
        incident = incident_message(view, self._desk.clock.now_ms())
        return pb.AdvanceIncidentResponse(incident=incident)

    async def IssueDirective(
        self, request: pb.IssueDirectiveRequest, context: Context
    ) -> pb.IssueDirectiveResponse:
        found = Violations()
        found.identifier("idempotency_key", request.idempotency_key)
        _plain(found, "reason", request.reason, NOTE_CHARS_MAX)
        lifting = bool(request.lift_directive_id)
        if lifting:
            found.identifier("lift_directive_id", request.lift_directive_id)
            found.require(not request.racks, "racks", "expected none: a directive is lifted whole")
        else:
            _check_quarantine(found, request)
        found.raise_if_any()
        caller = current_principal().uri
        key = request_key("directive", caller, request.idempotency_key, request)
        if lifting:
            directive = await respond.lift(
                self._desk, key, request.lift_directive_id, request.reason
            )
        else:
            wanted = respond.Quarantine(
                request.site_id, tuple(request.racks), request.reason, request.incident_id
            )
            directive = await respond.quarantine(self._desk, key, wanted)
        return pb.IssueDirectiveResponse(directive=directive_message(directive))

    async def GetAccounting(
        self, request: pb.GetAccountingRequest, context: Context
    ) -> pb.GetAccountingResponse:
        return accounting_message(await self._monitor.accounts())


def _check_quarantine(found: Violations, request: pb.IssueDirectiveRequest) -> None:
    _site_id(found, "site_id", request.site_id)
    found.bounded("racks", len(request.racks), 1, RACKS_MAX)
    found.require(len(set(request.racks)) == len(request.racks), "racks", "expected each once")
    for rack in request.racks[:RACKS_MAX]:
        _plain(found, "racks", rack, RACK_CHARS_MAX)
    if request.incident_id:
        found.identifier("incident_id", request.incident_id)


def _site_id(found: Violations, field: str, text: str, may_be_empty: bool = False) -> None:
    is_right = SITE_ID.fullmatch(text) is not None and (may_be_empty or bool(text))
    found.require(is_right, field, f"expected a site id, was {text[:80]!r}")


def _plain(found: Violations, field: str, text: str, length_max: int, length_min: int = 1) -> None:
    found.text(field, text, length_max, length_min)
    found.require("\x00" not in text, field, "expected text, was with a null character")
