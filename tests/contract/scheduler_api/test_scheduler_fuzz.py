"""Goal: no message, however odd, breaks the scheduler's door or gets past a refusal into the log.

Method: a thousand arbitrary messages for each method, as a tenant and as an agent, over real
mutual TLS; what was published is compared with what was answered.
"""

from __future__ import annotations

import pytest
from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2
from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi.scheduler.v1 import scheduler_service_pb2_grpc as stubs
from hexi_kit.identity import Principal
from hexi_kit.testing.clock import ManualClock
from hexi_kit.testing.fuzz import Attack, assault
from hexi_kit.testing.pki import Pki
from hexi_kit.testing.rpc import serve
from hexi_scheduler.api.explain import Explainer
from hexi_scheduler.api.servicer import SchedulerServicer
from hexi_scheduler.handlers import Desk
from hexi_scheduler.settings import route_policy
from hexi_scheduler.store.fleet import FleetView
from hexi_scheduler.store.orders import OrderBoard
from hexi_scheduler.store.sites import SiteStateView
from hexi_scheduler.store.view import WorkloadView

SERVICE = pb.DESCRIPTOR.services_by_name["SchedulerService"]
TENANT = Principal("tenant", "main", "acme")
AGENT = Principal("agent", "1", "lanzhou")
OPERATOR = Principal("operator", "1")
FOR_AGENTS = frozenset({"WatchOrders", "ReportRuns"})
FOR_OPERATORS = frozenset({"DrainSite", "DeclareSiteLost", "GetSiteLoss"})
FOR_TENANTS = frozenset(m.name for m in SERVICE.methods) - FOR_AGENTS - FOR_OPERATORS
HINTS = {
    "tenant_id": ["acme"],
    "site_id": ["lanzhou"],
    "workload_id": ["w1"],
    "placement_id": ["p1"],
    "idempotency_key": ["k1", "k2"],
    "replicas": [1, 2],
    "template": [1, 5],
    "state": [0, 1, 2],
    "priority": [0, 10],
    "cpu_milli": [1, 1_000],
    "memory_mib": [0, 512],
    "accelerators": [0, 1],
    "accelerator_milli": [0, 500],
    "page_size": [0, 10],
    "executors": ["fleet"],
    "at_ms": [1],
    "drain_id": ["d1"],
    "racks": ["r1"],
    "grace_s": [0, 60],
}


class Log:
    """Keeps what was published."""

    def __init__(self) -> None:
        self.events = []

    async def send_all(self, events) -> None:
        self.events += events


@pytest.fixture
async def served(tmp_path):
    log, view, sites = Log(), WorkloadView(), SiteStateView()
    decided = route_pb2.RouteDecided(
        workload=workload_pb2.Workload(workload_id="w1", tenant_id="acme"),
        state=workload_pb2.WORKLOAD_STATE_WAITING,
    )
    view.apply_route("w1", route_pb2.RouteRecord(decided=decided).SerializeToString())
    sites.set(route_pb2.SiteState(site_id="lanzhou", admitted=True))
    servicer = SchedulerServicer(
        Desk(log, view, ManualClock(1_000)),
        sites,
        OrderBoard(view.placements_of),
        Explainer(route_policy(), sites, FleetView(view.placements_of, view.placement)),
    )
    add = stubs.add_SchedulerServiceServicer_to_server
    async with serve([(add, servicer)], Pki(tmp_path), service_name="scheduler") as harness:
        yield harness, log


@pytest.mark.parametrize(
    ("caller", "methods"),
    [(TENANT, FOR_TENANTS), (AGENT, FOR_AGENTS), (OPERATOR, FOR_OPERATORS)],
    ids=["tenant", "agent", "operator"],
)
async def test_no_message_breaks_the_door(served, caller, methods):
    harness, log = served
    skip = frozenset(m.name for m in SERVICE.methods) - methods

    answers = await assault(await harness.channel(caller), SERVICE, Attack(hints=HINTS, skip=skip))

    assert answers.keys() == methods
    assert all(sum(by_status.values()) >= 1_000 for by_status in answers.values())
    assert any("OK" in by_status for by_status in answers.values())
    for event in log.events:
        if isinstance(event.message, route_pb2.Request):
            assert all(w.tenant_id == "acme" for w in event.message.submit.workloads)
        else:
            assert isinstance(event.message, place_pb2.SiteCommand)
            assert event.key == "lanzhou"


async def test_what_is_refused_is_not_published(served):
    harness, log = served
    stub = stubs.SchedulerServiceStub(await harness.channel(TENANT))

    with pytest.raises(Exception, match="INVALID_ARGUMENT"):
        await stub.SubmitWorkloads(
            pb.SubmitWorkloadsRequest(
                idempotency_key="k", tenant_id="acme", workloads=[workload_pb2.WorkloadSpec()]
            )
        )
    with pytest.raises(Exception, match="PERMISSION_DENIED"):
        await stub.SubmitWorkloads(
            pb.SubmitWorkloadsRequest(
                idempotency_key="k",
                tenant_id="rival",
                workloads=[workload_pb2.WorkloadSpec(replicas=1, resources={"cpu_milli": 1})],
            )
        )

    assert log.events == []


async def test_a_stranger_does_not_learn_which_workloads_exist(served):
    harness, _ = served
    stub = stubs.SchedulerServiceStub(await harness.channel(Principal("tenant", "main", "rival")))

    for workload_id in ("w1", "w2"):
        with pytest.raises(Exception, match="NOT_FOUND"):
            await stub.GetWorkload(pb.GetWorkloadRequest(workload_id=workload_id))
