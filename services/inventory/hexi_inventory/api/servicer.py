"""InventoryService: checks what is asked and for whose site, then lets a handler act."""

from __future__ import annotations

from typing import Any

import grpc
from hexi.inventory.v1 import inventory_service_pb2 as pb
from hexi.inventory.v1 import inventory_service_pb2_grpc as pb_grpc
from hexi_kit.errors import NotFound, PermissionDenied
from hexi_kit.rpc.context import current_principal
from hexi_kit.rpc.validate import Violations

from hexi_inventory import handlers
from hexi_inventory.api import checks
from hexi_inventory.domain.admission import State
from hexi_inventory.domain.record import Verb
from hexi_inventory.handlers import Desk
from hexi_inventory.ports import Moment
from hexi_inventory.wire.admission import admission_message
from hexi_inventory.wire.request import request_key
from hexi_inventory.wire.server_set import check_server_set, server_set_message, server_set_of
from hexi_inventory.wire.site import check_site, check_site_id, recorded, site_of

Context = grpc.aio.ServicerContext[Any, Any]


class InventoryServicer(pb_grpc.InventoryServiceServicer):
    """Verbs go through handlers; questions go straight to the store, which only reads."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._inventory = desk.inventory

    async def RegisterSite(
        self, request: pb.RegisterSiteRequest, context: Context
    ) -> pb.RegisterSiteResponse:
        found = Violations()
        found.identifier("idempotency_key", request.idempotency_key)
        check_site(found, request.site)
        checks.time_ms(found, "valid_from_ms", request.valid_from_ms)
        found.raise_if_any()
        key = request_key(Verb.REGISTER, _caller(), request.idempotency_key, request)
        record = await handlers.register(
            self._desk, key, site_of(request.site), request.valid_from_ms
        )
        return pb.RegisterSiteResponse(recorded=recorded(record))

    async def PublishServerSet(
        self, request: pb.PublishServerSetRequest, context: Context
    ) -> pb.PublishServerSetResponse:
        found = Violations()
        found.identifier("idempotency_key", request.idempotency_key)
        check_server_set(found, request.server_set)
        found.raise_if_any()
        _require_own_site(request.server_set.site_id)
        key = request_key(Verb.PUBLISH, _caller(), request.idempotency_key, request)
        record = await handlers.publish(self._desk, key, server_set_of(request.server_set))
        return pb.PublishServerSetResponse(
            site_id=record.servers.site_id,
            revision=record.revision,
            servers=len(record.servers),
            added=record.difference.added,
            removed=record.difference.removed,
            changed=record.difference.changed,
        )

    async def ConformSite(
        self, request: pb.ConformSiteRequest, context: Context
    ) -> pb.ConformSiteResponse:
        found = Violations()
        found.identifier("idempotency_key", request.idempotency_key)
        check_site_id(found, "site_id", request.site_id)
        found.raise_if_any()
        key = request_key(Verb.CONFORM, _caller(), request.idempotency_key, request)
        step = await handlers.conform(self._desk, key, request.site_id)
        return pb.ConformSiteResponse(admission=admission_message(step))

    async def DecideAdmission(
        self, request: pb.DecideAdmissionRequest, context: Context
    ) -> pb.DecideAdmissionResponse:
        found = Violations()
        found.identifier("idempotency_key", request.idempotency_key)
        check_site_id(found, "site_id", request.site_id)
        found.text("reason", request.reason, 500)
        found.bounded("state", request.state, State.ADMITTED, State.WITHDRAWN)
        found.raise_if_any()
        # The policy says it too; here it holds even if a policy is edited.
        if current_principal().kind != "supervisor":
            raise PermissionDenied("supervisor-decides", "who operates does not approve")
        key = request_key(Verb.DECIDE, _caller(), request.idempotency_key, request)
        step = await handlers.decide(
            self._desk, key, request.site_id, State(request.state), request.reason
        )
        return pb.DecideAdmissionResponse(admission=admission_message(step))

    async def GetSite(self, request: pb.GetSiteRequest, context: Context) -> pb.GetSiteResponse:
        found = Violations()
        check_site_id(found, "site_id", request.site_id)
        checks.revision(found, request.revision)
        checks.time_ms(found, "valid_at_ms", request.valid_at_ms)
        checks.time_ms(found, "recorded_at_ms", request.recorded_at_ms)
        moment = Moment(request.valid_at_ms, request.recorded_at_ms)
        either = not request.revision or moment == Moment()
        found.require(either, "revision", "expected a revision or a time, was both")
        found.raise_if_any()
        record = await self._inventory.find_site(request.site_id, request.revision, moment)
        if record is None:
            raise NotFound("site", request.site_id)
        return pb.GetSiteResponse(recorded=recorded(record))

    async def ListSites(
        self, request: pb.ListSitesRequest, context: Context
    ) -> pb.ListSitesResponse:
        found = Violations()
        page = checks.page(found, request.page_size, request.page_token)
        if request.page_token:
            check_site_id(found, "page_token", request.page_token)
        found.raise_if_any()
        records = await self._inventory.list_sites(page)
        token = records[-1].site.site_id if len(records) == page.size else ""
        return pb.ListSitesResponse(sites=map(recorded, records), next_page_token=token)

    async def GetServerSet(
        self, request: pb.GetServerSetRequest, context: Context
    ) -> pb.GetServerSetResponse:
        found = Violations()
        check_site_id(found, "site_id", request.site_id)
        checks.revision(found, request.revision)
        found.raise_if_any()
        record = await self._inventory.find_server_set(request.site_id, request.revision)
        if record is None:
            raise NotFound("server set", request.site_id)
        return pb.GetServerSetResponse(server_set=server_set_message(record))

    async def ListAdmissions(
        self, request: pb.ListAdmissionsRequest, context: Context
    ) -> pb.ListAdmissionsResponse:
        found = Violations()
        check_site_id(found, "site_id", request.site_id)
        page = checks.page(found, request.page_size, request.page_token)
        checks.number_token(found, request.page_token)
        found.raise_if_any()
        steps = await self._inventory.list_admissions(request.site_id, page)
        token = str(steps[-1].step) if len(steps) == page.size else ""
        return pb.ListAdmissionsResponse(
            admissions=map(admission_message, steps), next_page_token=token
        )


def _caller() -> str:
    return current_principal().uri


def _require_own_site(site_id: str) -> None:
    principal = current_principal()
    if principal.kind == "agent" and principal.scope != site_id:
        raise PermissionDenied("own-site", f"the caller does not act for site {site_id!r}")
