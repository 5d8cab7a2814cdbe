"""SchedulerService: checks who asks and what, then lets a handler act."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi.scheduler.v1 import scheduler_service_pb2_grpc as pb_grpc
from hexi.scheduler.v1 import workload_pb2
from hexi_kit import tracing
from hexi_kit.errors import NotFound, PermissionDenied
from hexi_kit.rpc.context import current_principal
from hexi_kit.rpc.validate import Violations

from hexi_scheduler import handlers, wire_api
from hexi_scheduler.api import operate
from hexi_scheduler.api.explain import Explainer
from hexi_scheduler.api.plausible import check_plausible
from hexi_scheduler.ports import OrderFeed, SiteStates

PAGE_SIZE_MAX = 1_000
PAGE_SIZE_DEFAULT = 100
ORDERS_PER_MESSAGE = 500
Context = grpc.aio.ServicerContext[Any, Any]


class SchedulerServicer(pb_grpc.SchedulerServiceServicer):
    """Every method answers from the view or after the broker has the request."""

    def __init__(
        self, desk: handlers.Desk, sites: SiteStates, orders: OrderFeed, explainer: Explainer
    ) -> None:
        self._desk = desk
        self._explainer = explainer
        self._sites = sites
        self._orders = orders

    async def SubmitWorkloads(
        self, request: pb.SubmitWorkloadsRequest, context: Context
    ) -> pb.SubmitWorkloadsResponse:
        wire_api.check_submission(request)
        self._own_tenant(request.tenant_id)
        if not handlers.is_known(self._desk, request):
            now_ms, policy = self._desk.clock.now_ms(), self._explainer.policy
            check_plausible(request, self._sites.offers(), policy, now_ms)
        names = await handlers.submit(self._desk, request, tracing.current_traceparent())
        return pb.SubmitWorkloadsResponse(workload_ids=names)

    async def CancelWorkload(
        self, request: pb.CancelWorkloadRequest, context: Context
    ) -> pb.CancelWorkloadResponse:
        found = Violations()
        found.identifier("idempotency_key", request.idempotency_key)
        found.identifier("workload_id", request.workload_id)
        found.text("reason", request.reason, 512, 0)
        found.raise_if_any()
        view = self._seen(request.workload_id)
        await handlers.cancel(self._desk, request, view.workload.tenant_id)
        return pb.CancelWorkloadResponse()

    async def GetWorkload(
        self, request: pb.GetWorkloadRequest, context: Context
    ) -> pb.GetWorkloadResponse:
        return pb.GetWorkloadResponse(view=self._seen(request.workload_id))

    async def ListWorkloads(
        self, request: pb.ListWorkloadsRequest, context: Context
    ) -> pb.ListWorkloadsResponse:
        found = Violations()
        found.identifier("tenant_id", request.tenant_id)
        found.bounded("page_size", request.page_size, 0, PAGE_SIZE_MAX)
        found.text("page_token", request.page_token, 128, 0)
        found.require(
            request.state in workload_pb2.WorkloadState.values(), "state", "unknown state"
        )
        found.raise_if_any()
        self._own_tenant(request.tenant_id)
        size = request.page_size or PAGE_SIZE_DEFAULT
        views = self._desk.workloads.page(
            request.tenant_id, request.state, request.page_token, size
        )
        token = views[-1].workload.workload_id if len(views) == size else ""
        return pb.ListWorkloadsResponse(views=views, next_page_token=token)

    async def ExplainWorkload(
        self, request: pb.ExplainWorkloadRequest, context: Context
    ) -> pb.ExplainWorkloadResponse:
        return self._explainer.explain(self._seen(request.workload_id), self._desk.clock.now_ms())

    async def ListSiteStates(
        self, request: pb.ListSiteStatesRequest, context: Context
    ) -> pb.ListSiteStatesResponse:
        return pb.ListSiteStatesResponse(sites=self._sites.all())

    async def WatchOrders(
        self, request: pb.WatchOrdersRequest, context: Context
    ) -> AsyncIterator[pb.WatchOrdersResponse]:
        found = Violations()
        found.identifier("site_id", request.site_id)
        found.bounded("executors", len(request.executors), 1, 16)
        found.raise_if_any()
        self._own_site(request.site_id)
        async for message in self._orders.follow(
            request.site_id, frozenset(request.executors), ORDERS_PER_MESSAGE
        ):
            yield message

    async def ReportRuns(
        self, request: pb.ReportRunsRequest, context: Context
    ) -> pb.ReportRunsResponse:
        wire_api.check_reports(request)
        self._own_site(request.site_id)
        await handlers.report_runs(self._desk, request)
        return pb.ReportRunsResponse()

    async def DrainSite(
        self, request: pb.DrainSiteRequest, context: Context
    ) -> pb.DrainSiteResponse:
        return await operate.drain(self._desk, self._sites, request)

    async def DeclareSiteLost(
        self, request: pb.DeclareSiteLostRequest, context: Context
    ) -> pb.DeclareSiteLostResponse:
        return await operate.declare_lost(self._desk, self._sites, request)

    async def GetSiteLoss(
        self, request: pb.GetSiteLossRequest, context: Context
    ) -> pb.GetSiteLossResponse:
        return operate.site_loss(self._desk.workloads, self._sites, request.site_id)

    def _seen(self, workload_id: str) -> pb.WorkloadView:
        found = Violations()
        found.identifier("workload_id", workload_id)
        found.raise_if_any()
        view = self._desk.workloads.get(workload_id)
        if view is None or not _may_see(view.workload.tenant_id):
            # One answer for both: a stranger does not learn which ids exist.
            raise NotFound("workload", workload_id)
        return view

    def _own_tenant(self, tenant_id: str) -> None:
        if not _may_see(tenant_id):
            raise PermissionDenied("own-tenant", f"the caller does not act for {tenant_id!r}")

    def _own_site(self, site_id: str) -> None:
        principal = current_principal()
        if principal.kind == "agent" and principal.scope != site_id:
            raise PermissionDenied("own-site", f"the caller does not act for site {site_id!r}")


def _may_see(tenant_id: str) -> bool:
    principal = current_principal()
    return principal.kind != "tenant" or principal.scope == tenant_id
