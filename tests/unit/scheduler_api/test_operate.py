"""What operators tell sites. Method: the functions behind the door, with a log that keeps all."""

from __future__ import annotations

import pytest
from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2
from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi_kit import ids
from hexi_kit.errors import InvalidArgument, NotFound
from hexi_kit.testing.clock import ManualClock
from hexi_scheduler.api import operate
from hexi_scheduler.handlers import Desk
from hexi_scheduler.store.sites import SiteStateView
from hexi_scheduler.store.view import WorkloadView


class Log:
    """Keeps what was published."""

    def __init__(self) -> None:
        self.events = []

    async def send_all(self, events) -> None:
        self.events += events


@pytest.fixture
def sites() -> SiteStateView:
    view = SiteStateView()
    view.set(route_pb2.SiteState(site_id="lanzhou", lost_at_ms=7))
    return view


@pytest.fixture
def desk() -> Desk:
    return Desk(Log(), WorkloadView(), ManualClock())


async def test_a_drain_is_a_command_of_the_site_and_says_when_it_is_empty(desk, sites) -> None:
    request = pb.DrainSiteRequest(
        idempotency_key="k", site_id="lanzhou", active=True, racks=["r1"], grace_s=60, reason="fans"
    )

    first = await operate.drain(desk, sites, request)
    again = await operate.drain(desk, sites, request)

    assert first == again
    assert first.evict_at_ms == desk.clock.now_ms() + 60_000
    said = [event.message.drain for event in desk.publisher.events]
    assert said[0] == said[1]
    assert (said[0].drain_id, list(said[0].racks), said[0].active) == (first.drain_id, ["r1"], True)
    assert len({event.event_id for event in desk.publisher.events}) == 1


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"active": False}, "drain_id"),
        ({"active": True, "racks": [""]}, "racks[0]"),
        ({"active": True, "servers": [10**9]}, "servers[0]"),
        ({"active": True, "grace_s": 10**8}, "grace_s"),
        ({"active": True, "site_id": "a b"}, "site_id"),
        ({"active": True, "idempotency_key": ""}, "idempotency_key"),
    ],
)
async def test_a_drain_that_cannot_be_meant_is_refused_by_its_field(
    desk, sites, more, field
) -> None:
    request = pb.DrainSiteRequest(**{"idempotency_key": "k", "site_id": "lanzhou", **more})

    with pytest.raises(InvalidArgument) as refusal:
        await operate.drain(desk, sites, request)
    assert field in str(vars(refusal.value))
    assert not desk.publisher.events


async def test_a_site_nobody_knows_can_not_be_lost(desk, sites) -> None:
    request = pb.DeclareSiteLostRequest(idempotency_key="k", site_id="atlantis", lost=True)

    with pytest.raises(NotFound):
        await operate.declare_lost(desk, sites, request)
    assert not desk.publisher.events


async def test_a_declaration_is_a_command_of_the_site(desk, sites) -> None:
    request = pb.DeclareSiteLostRequest(
        idempotency_key="k", site_id="lanzhou", lost=True, reason="flood"
    )

    await operate.declare_lost(desk, sites, request)

    (event,) = desk.publisher.events
    assert event.key == "lanzhou"
    loss = event.message.loss
    assert (loss.lost, loss.declared, loss.reason) == (True, True, "flood")
    assert loss.lost_at_ms == desk.clock.now_ms()


def test_the_loss_tells_what_was_saved_and_what_waits_most_urgent_first(desk, sites) -> None:
    view = desk.workloads
    waiting, running = workload_pb2.WORKLOAD_STATE_WAITING, workload_pb2.WORKLOAD_STATE_ROUTED
    for name, priority, state in (("a", 1, waiting), ("b", 9, waiting), ("c", 5, running)):
        work = workload_pb2.Workload(workload_id=name)
        work.spec.priority = priority
        _put(view, work, "lanzhou", 1, place_pb2.PLACEMENT_STATE_EVICTED, "site lost: flood")
        decided = route_pb2.RouteDecided(workload=work, state=state, site_id="qingyang", attempt=2)
        decided.why_not.nearest_miss = f"no room for {name}"
        view.apply_route(name, route_pb2.RouteRecord(decided=decided).SerializeToString())
        if state == running:
            _put(view, work, "qingyang", 2, place_pb2.PLACEMENT_STATE_STARTED, "")
    _put(view, workload_pb2.Workload(workload_id="d"), "lanzhou", 1, 5, "drained")

    answer = operate.site_loss(view, sites, "lanzhou")

    assert (answer.lost_at_ms, answer.evicted, answer.saved) == (7, 3, 1)
    assert [(one.workload_id, one.nearest_miss) for one in answer.unsaved] == [
        ("b", "no room for b"),
        ("a", "no room for a"),
    ]


def _put(view, work, site_id: str, attempt: int, state: int, reason: str) -> None:
    name = ids.derive("placement", work.workload_id, attempt)
    record = place_pb2.PlacementRecord(
        placement_id=name, site_id=site_id, workload=work, state=state, reason=reason
    )
    journal = place_pb2.PlaceJournal(placement=record)
    view.apply_placement(f"{site_id}/p/{name}", journal.SerializeToString())
