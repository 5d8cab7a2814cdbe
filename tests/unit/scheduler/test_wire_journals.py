"""What the journals hold reads back as what was decided, and says so to other readers too."""

from __future__ import annotations

import pytest
from hexi.inventory.v1 import inventory_pb2
from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2
from hexi_kit.errors import Poison
from hexi_scheduler.domain.facts import Condition, Quarantine, Reservation
from hexi_scheduler.domain.offer import ClassOffer, LeaseOffer, SiteOffer, SiteStanding
from hexi_scheduler.domain.place.place_events import (
    ClockMoved,
    ConditionChanged,
    PlaceEvent,
    PlacementForgotten,
    ReservationChanged,
)
from hexi_scheduler.domain.placement import (
    Allocation,
    Placement,
    PlacementState,
    Run,
    Tariff,
)
from hexi_scheduler.domain.route.route import Route, RouteForgotten, RouteState
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.why import FilterCount, WhyNot
from hexi_scheduler.domain.workload import Workload
from hexi_scheduler.settings import route_policy
from hexi_scheduler.wire import offer as wire_offer
from hexi_scheduler.wire import place_commands, place_journal, route
from hexi_scheduler.wire.facts import server_set, site_facts
from hexi_scheduler.wire.splice import nested
from hexi_scheduler.wire.workload import WorkloadReader

MESSAGE = workload_pb2.Workload(
    workload_id="w1",
    tenant_id="t",
    submitted_at_ms=5,
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    spec=workload_pb2.WorkloadSpec(
        name="n",
        template=workload_pb2.TEMPLATE_TRAIN,
        replicas=2,
        priority=7,
        duration_s_max=60,
        lease_id="lease",
        command=workload_pb2.Command(argv=["true"], environment={"B": "2", "A": "1"}),
    ),
)
MESSAGE.spec.resources.cpu_milli = 1_000
MESSAGE.spec.resources.accelerators = 2
MESSAGE.spec.resources.accelerator_models.extend(["T4", "A100"])
READER = WorkloadReader()
WORKLOAD = READER.read(MESSAGE)
WHY = WhyNot((FilterCount("room", 1, 20),), 1, 20, "nearly")
SITE = inventory_pb2.SiteRecorded(
    site=inventory_pb2.Site(
        site_id="s",
        region="gansu",
        prices=[inventory_pb2.Price(class_id="A100", price_micro_yuan=9)],
        latencies=[inventory_pb2.Latency(region="east", one_way_us=8)],
    ),
    revision=3,
    state=inventory_pb2.ADMISSION_STATE_ADMITTED,
)
SERVERS = inventory_pb2.ServerSet(
    site_id="s",
    revision=4,
    racks=["r0", "r1"],
    rack_index=[0, 1],
    cpu_milli=[1_000, 2_000],
    memory_mib=[64, 128],
    accelerator_models=["A100"],
    accelerator_index=[0, 1],
    accelerators=[0, 2],
    executors=["fleet", "host"],
    executor_index=[1, 0],
)
PLACEMENT = Placement(
    "p1",
    WORKLOAD,
    2,
    PlacementState.ENDED,
    10,
    (Allocation(1, (0, 1), 1_000), Allocation(0, (), 0)),
    "A100",
    "fleet",
    4,
    Tariff(900, "lease", 700, 99),
    4,
    20,
    Run(15, 25, -9, 1_000, b"out", True),
    "done",
)
EVENTS: list[PlaceEvent] = [
    PLACEMENT,
    PLACEMENT._replace(
        state=PlacementState.DECLINED,
        run=Run(),
        tariff=Tariff(),
        billed_until_ms=0,
        why_not=WHY,
    ),
    ConditionChanged(Condition.QUARANTINED, (1, 5), 9, (Quarantine("d", ("r1",)),)),
    ConditionChanged(Condition.HOT, (), 9),
    ReservationChanged(Reservation("lease", "t", "A100", 4, 1, 2, 3), over=True),
    ClockMoved(100, 0, 90),
    server_set(SERVERS),
    site_facts(SITE),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_a_place_event_reads_back_as_it_was(event: PlaceEvent) -> None:
    ((key, value),) = place_journal.entries("s", [event], 3, 41)

    assert value is not None
    assert place_journal.entry(value, READER) == (event, 41)
    assert key.startswith(b"s/")


def test_others_read_the_spliced_placement_as_one_message() -> None:
    ((_, value),) = place_journal.entries("s", [PLACEMENT], 3, 41)

    record = place_pb2.PlaceJournal.FromString(value or b"").placement
    assert record.workload == MESSAGE
    assert (record.cause.partition, record.cause.offset, record.cause.of) == (3, 41, 1)
    assert (record.site_id, record.lease_id, record.price_micro_yuan) == ("s", "lease", 700)


def test_the_forgotten_are_tombstones() -> None:
    assert place_journal.entries("s", [PlacementForgotten("p1")], 0, 1) == [(b"s/p/p1", None)]
    assert route.entries([RouteForgotten("w1")], 0, 1) == [(b"w1", None)]


@pytest.mark.parametrize(
    "decided",
    [
        Route(WORKLOAD, RouteState.ROUTED, 9, "s", "A100", 3, 77, (("a", 4), ("b", 0))),
        Route(WORKLOAD, RouteState.ROUTED, 9, "s", "A100", 1, cancel_requested=True, reason="x"),
        Route(WORKLOAD, RouteState.WAITING, 9, why_not=WHY),
    ],
)
def test_a_route_reads_back_as_it_was(decided: Route) -> None:
    ((key, value),) = route.entries([decided], 2, 17)

    assert (key, route.entry(value or b"", READER)) == (b"w1", decided)
    assert route_pb2.RouteRecord.FromString(value or b"").decided.workload == MESSAGE


def test_an_offer_reads_back_and_keeps_other_executors_apart() -> None:
    offered = SiteOffer(
        "s",
        6,
        SiteStanding(True, "gansu", 3, True, 1_200, 300, (("east", 8),)),
        (ClassOffer("general", "fleet", 3), ClassOffer("general", "host", 1, price_micro_yuan=2)),
        (LeaseOffer("lease", "t", "A100", 4, 700),),
        4,
    )

    message = wire_offer.site_state(offered)

    assert [c.servers for c in message.classes] == [3]
    assert list(message.executors) == ["fleet", "host"]
    assert wire_offer.offer(message)._replace(body=b"") == offered


def test_orders_carry_the_workload_untouched_and_releases_come_last() -> None:
    routed = Route(WORKLOAD, RouteState.ROUTED, 9, "s", "A100", 3)
    cancelled = routed._replace(cancel_requested=True)

    commands = route.orders([cancelled, routed], 10_000)["s"]

    messages = [place_pb2.SiteCommand.FromString(order.body) for order in commands]
    assert [m.WhichOneof("item") for m in messages] == ["place", "release"]
    item = messages[0].place.items[0]
    assert (item.workload, item.attempt) == (MESSAGE, 3)
    assert item.placement_id == messages[1].release.placement_id
    assert len(route.orders([routed] * 5, 10)["s"]) == 5


def test_a_server_set_with_holes_is_poison() -> None:
    for column, value in (("memory_mib", []), ("rack_index", [0, 9])):
        broken = inventory_pb2.ServerSet()
        broken.CopyFrom(SERVERS)
        broken.ClearField(column)
        getattr(broken, column).extend(value)
        with pytest.raises(Poison):
            server_set(broken)


def test_commands_and_requests_that_say_nothing_are_poison() -> None:
    with pytest.raises(Poison):
        place_commands.command(place_pb2.SiteCommand(site_id="s"), READER)
    with pytest.raises(Poison):
        route.request(route_pb2.Request(), READER)
    unknown = place_pb2.SiteCommand(site_id="s")
    unknown.condition.condition = 99
    with pytest.raises(Poison):
        place_commands.command(unknown, READER)


def test_long_bodies_are_nested_with_long_lengths() -> None:
    for size in (0, 127, 128, 20_000):
        body = workload_pb2.WhyNot(nearest_miss="x" * size).SerializeToString()
        record = place_pb2.PlacementRecord.FromString(nested(22, body))
        assert len(record.why_not.nearest_miss) == size


def named(workload_id: str) -> Workload:
    message = workload_pb2.Workload()
    message.CopyFrom(MESSAGE)
    message.workload_id = workload_id
    return READER.read(message)


def test_a_recovered_router_knows_what_waits_and_reads_the_rest_when_asked() -> None:
    decided = [
        Route(named(name), state, 9, "s", "A100", 1)
        for name, state in (
            ("w1", RouteState.ROUTED),
            ("w2", RouteState.WAITING),
            ("w3", RouteState.ENDED),
        )
    ]
    router = Router(route_policy())

    offsets = [
        route.recover(router, key, value or b"", READER)
        for key, value in route.entries(decided, 2, 17)
    ]

    assert offsets == [17, 17, 17]
    assert list(router.waiting) == ["w2"]
    assert router.finished == {"w3": 9}
    assert set(router.routes) == {"w1", "w2", "w3"}
    found = router.routes["w1"]
    assert (found.state, found.site_id, found.attempt) == (RouteState.ROUTED, "s", 1)
    assert router.routes.get("w4") is None
    router.apply(RouteForgotten("w3"))
    assert "w3" not in router.routes
    assert not router.finished
