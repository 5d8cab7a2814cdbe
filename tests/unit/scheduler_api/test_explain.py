"""Goal: whoever asks why gets counts, the nearest miss in each dimension and a start, as they are.

Method: sites as ROUTE hears them, servers as PLACE's journal tells them, one situation each.
"""

from __future__ import annotations

from typing import Any

import pytest
from hexi.common.v1 import common_pb2
from hexi.inventory.v1 import inventory_pb2
from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2
from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi_scheduler.api.explain import Explainer
from hexi_scheduler.domain.hours import day_and_time
from hexi_scheduler.domain.offer import ClassOffer, SiteOffer, SiteStanding
from hexi_scheduler.settings import route_policy
from hexi_scheduler.store.fleet import FleetView
from hexi_scheduler.store.sites import SiteStateView
from hexi_scheduler.store.view import WorkloadView
from hexi_scheduler.wire.offer import site_state

NOW_MS = 1_800_000_000_000
STANDING = {"admitted": True, "region": "gansu", "security_grade": 3}


class World:
    """Two sites of plain servers of 16 vCPU, told as the api hears it."""

    def __init__(self) -> None:
        self.view, self.sites = WorkloadView(), SiteStateView()
        self.copy = FleetView(self.view.placements_of, self.view.placement)
        self.count = 0

    def site(self, name: str, servers: int = 2, **changes: Any) -> None:
        price = changes.pop("price", 10)
        free = changes.pop("cpu_milli_free", 0)
        sizes = {"cpu_milli_largest": 16_000, "memory_mib_largest": 65_536}
        offer = ClassOffer(
            "general",
            servers=servers,
            cpu_milli_free=free,
            memory_mib_free=65_536,
            cpu_milli_free_max=free,
            memory_mib_free_max=65_536,
            price_micro_yuan=price,
            **sizes,
        )
        lost_at_ms = changes.pop("lost_at_ms", 0)
        standing = SiteStanding(**(STANDING | changes))
        said = SiteOffer(name, 1, standing, (offer,), lost_at_ms=lost_at_ms)
        self.sites.set(site_state(said))
        self.servers(name, servers)

    def servers(self, name: str, servers: int) -> None:
        said = inventory_pb2.ServerSet(
            site_id=name,
            revision=1,
            racks=["r"],
            rack_index=[0] * servers,
            cpu_milli=[16_000] * servers,
            memory_mib=[65_536] * servers,
            accelerators=[0] * servers,
        )
        record = place_pb2.ServerSetRecord(server_set=said)
        self.tell(f"{name}/server-set", place_pb2.PlaceJournal(server_set=record))

    def runs(self, site_id: str, server: int, cpu_milli: int, seconds: int = 0) -> str:
        self.count += 1
        spec = workload_pb2.WorkloadSpec(
            resources=common_pb2.Resources(cpu_milli=cpu_milli), duration_s_max=seconds
        )
        record = place_pb2.PlacementRecord(
            placement_id=f"p{self.count}",
            site_id=site_id,
            state=place_pb2.PLACEMENT_STATE_STARTED,
            started_at_ms=NOW_MS,
            workload=workload_pb2.Workload(workload_id=f"x{self.count}", spec=spec),
        )
        record.allocations.add(server=server)
        self.tell(f"{site_id}/p/p{self.count}", place_pb2.PlaceJournal(placement=record))
        return record.placement_id

    def out(self, site_id: str, *servers: int) -> None:
        record = place_pb2.ConditionRecord(
            condition=place_pb2.SERVER_CONDITION_HOT, servers=servers
        )
        self.tell(f"{site_id}/condition/hot", place_pb2.PlaceJournal(condition=record))

    def tell(self, key: str, journal: place_pb2.PlaceJournal) -> None:
        value = journal.SerializeToString()
        self.copy.apply(key, value)
        self.view.apply_placement(key, value)

    def why(
        self, view: pb.WorkloadView | None = None, **changes: Any
    ) -> pb.ExplainWorkloadResponse:
        resources = common_pb2.Resources(**changes.pop("resources", {"cpu_milli": 4_000}))
        spec = workload_pb2.WorkloadSpec(
            resources=resources,
            replicas=changes.pop("replicas", 1),
            constraints=workload_pb2.Constraints(**changes.pop("constraints", {})),
            **changes,
        )
        asked = view or pb.WorkloadView(state=workload_pb2.WORKLOAD_STATE_WAITING)
        asked.workload.CopyFrom(workload_pb2.Workload(workload_id="w", tenant_id="t", spec=spec))
        return Explainer(route_policy(), self.sites, self.copy).explain(asked, NOW_MS)


@pytest.fixture
def full() -> World:
    """Lanzhou has 3 vCPU free at most, Qingyang 2; who runs there has said how long or not."""
    world = World()
    world.site("lanzhou")
    world.site("qingyang")
    world.runs("lanzhou", 0, 13_000, seconds=3_600)
    world.runs("lanzhou", 1, 14_000)
    world.runs("qingyang", 0, 14_000, seconds=60)
    world.runs("qingyang", 1, 15_000)
    return world


def misses(answer: pb.ExplainWorkloadResponse) -> dict[str, workload_pb2.Miss]:
    return {miss.dimension: miss for miss in answer.misses}


def test_a_full_province_names_the_server_that_lacks_least(full: World) -> None:
    answer = full.why()

    (miss,) = answer.misses
    assert (miss.dimension, miss.site_id, miss.server) == ("cpu", "lanzhou", 0)
    assert (miss.asked, miss.found, miss.alone) == (4_000, 3_000, True)
    assert miss.text == "lanzhou/0 lacks 1 vCPU of 4"
    assert miss.text_zh == "lanzhou/0 缺 1 vCPU (需要 4)"
    assert answer.now.nearest_miss == miss.text
    assert (answer.now.sites, answer.now.servers) == (2, 4)
    assert [(f.filter, f.sites_removed, f.servers_removed) for f in answer.now.filters] == [
        ("cpu", 2, 4)
    ]


def test_the_start_is_when_the_first_that_matters_has_ended(full: World) -> None:
    start = full.why().expected_start

    assert (start.at_ms, start.site_id) == (NOW_MS + 60_000, "qingyang")
    assert day_and_time(start.at_ms) in start.text
    assert day_and_time(start.at_ms) in start.text_zh


def test_where_nobody_has_said_how_long_it_runs_the_start_is_unknown(full: World) -> None:
    start = full.why(resources={"cpu_milli": 4_000}, replicas=5).expected_start

    assert start.at_ms == 0
    assert "unknown" in start.text


def test_a_gang_is_told_how_many_of_it_would_fit(full: World) -> None:
    answer = full.why(resources={"cpu_milli": 1_000}, replicas=6)

    gang = misses(answer)["gang"]
    assert (gang.site_id, gang.asked, gang.found) == ("lanzhou", 6, 5)


def test_servers_with_room_that_are_out_are_counted_by_what_keeps_them_out(full: World) -> None:
    full.out("lanzhou", 0)

    miss = misses(full.why(resources={"cpu_milli": 3_000}))["condition"]

    assert "hot 1" in miss.text
    assert miss.found == 1


def test_what_has_ended_gives_its_servers_back(full: World) -> None:
    name = full.runs("lanzhou", 0, 1_000)
    assert misses(full.why())["cpu"].found == 2_000
    record = full.view.placement("lanzhou", name)
    assert record is not None
    record.state = place_pb2.PLACEMENT_STATE_ENDED
    full.tell(f"lanzhou/p/{name}", place_pb2.PlaceJournal(placement=record))
    assert misses(full.why())["cpu"].found == 3_000


def test_a_claim_keeps_servers_from_others_and_tells_its_own_start(full: World) -> None:
    record = place_pb2.PlacementRecord(
        placement_id="c",
        site_id="lanzhou",
        state=place_pb2.PLACEMENT_STATE_CLAIMED,
        expected_start_ms=NOW_MS + 5_000,
    )
    record.allocations.add(server=0)
    full.tell("lanzhou/p/c", place_pb2.PlaceJournal(placement=record))

    assert "claimed 1" in misses(full.why(resources={"cpu_milli": 3_000}))["condition"].text
    own = pb.WorkloadView(state=workload_pb2.WORKLOAD_STATE_ROUTED, placement=record)
    assert full.why(own).expected_start.at_ms == NOW_MS + 5_000


@pytest.mark.parametrize(
    ("changes", "asked", "dimension", "text"),
    [
        (
            {"latencies_us": (("east", 13_200),)},
            {"constraints": {"latency_region": "east", "latency_us_max": 10_000}},
            "latency",
            "lanzhou is 3.2 ms too far from east: 13.2 ms one way as registered, 10 allowed",
        ),
        (
            {"latencies_us": (("east", 13_200),), "latency_measured": ("east",)},
            {"constraints": {"latency_region": "east", "latency_us_max": 10_000}},
            "latency",
            "lanzhou is 3.2 ms too far from east: 13.2 ms one way as measured, 10 allowed",
        ),
        (
            {},
            {"constraints": {"latency_region": "east", "latency_us_max": 10_000}},
            "latency",
            "the latency from lanzhou to east is neither measured nor registered",
        ),
        (
            {"price": 1_200_000},
            {"price_micro_yuan_max": 900_000},
            "price",
            "price ceiling 0.9 under the cheapest class general at 1.2 yuan in lanzhou",
        ),
        (
            {"security_grade": 2},
            {"constraints": {"security_grade_min": 4}},
            "security_grade",
            "lanzhou has security grade 2, 4 is asked",
        ),
        (
            {},
            {"constraints": {"regions": ["ningxia"]}},
            "region",
            "lanzhou lies in another region: gansu, ningxia",
        ),
        ({"admitted": False}, {}, "admission", "lanzhou is not admitted"),
        ({"admitted": False, "lost_at_ms": 5}, {}, "site_lost", "lanzhou is lost"),
        (
            {},
            {"constraints": {"state_owned_cloud": True}},
            "state_owned_cloud",
            "lanzhou is no state-owned cloud",
        ),
        (
            {},
            {"resources": {"cpu_milli": 32_000}},
            "size_cpu",
            "the largest server of lanzhou has 16 vCPU, 32 are asked",
        ),
        (
            {},
            {"replicas": 100},
            "size_gang",
            "lanzhou could hold 8 of 100 replicas, even empty",
        ),
        (
            {},
            {"resources": {"cpu_milli": 1, "accelerators": 1, "accelerator_models": ["A100"]}},
            "model",
            "lanzhou has no servers of the class A100",
        ),
        (
            {},
            {"lease_id": "l1"},
            "lease",
            "of lease l1, lanzhou has 0 units free, 4 are asked",
        ),
    ],
    ids=lambda part: str(part)[:30],
)
def test_each_filter_of_a_site_says_by_how_much(
    changes: dict[str, Any], asked: dict[str, Any], dimension: str, text: str
) -> None:
    world = World()
    world.site("lanzhou", **changes)

    answer = world.why(**asked)

    assert misses(answer)[dimension].text == text
    assert misses(answer)[dimension].text_zh
    assert answer.now.filters[0].sites_removed == 1
    assert answer.now.filters[0].servers_removed == 2


def test_free_servers_that_a_site_does_not_offer_are_kept_for_somebody() -> None:
    world = World()
    world.site("lanzhou")

    assert "reserved" in misses(world.why())


def test_where_there_is_room_it_waits_for_its_turn_only() -> None:
    world = World()
    world.site("lanzhou", cpu_milli_free=32_000)
    recorded = workload_pb2.WhyNot(filters=[workload_pb2.FilterCount(filter="fair_share")])
    turned = pb.WorkloadView(
        state=workload_pb2.WORKLOAD_STATE_WAITING, route=route_pb2.RouteDecided(why_not=recorded)
    )

    assert world.why().expected_start.at_ms == NOW_MS
    answer = world.why(turned)
    assert answer.misses[0].dimension == "fair_share"
    assert answer.expected_start.at_ms == 0


def test_who_declined_it_is_named_with_the_reason_and_promises_nothing() -> None:
    world = World()
    world.site("lanzhou", cpu_milli_free=32_000)
    decided = route_pb2.RouteDecided(sites_tried=["lanzhou"], reason="spread")
    declined = pb.WorkloadView(state=workload_pb2.WORKLOAD_STATE_WAITING, route=decided)

    answer = world.why(declined)

    assert misses(answer)["declined"].text == "lanzhou declined it: spread"
    assert answer.expected_start.at_ms == 0


def test_what_was_routed_shows_the_recorded_choice() -> None:
    world = World()
    world.site("lanzhou", cpu_milli_free=32_000)
    choice = route_pb2.Choice(scores=[route_pb2.SiteScore(site_id="lanzhou", price=10)])
    decided = route_pb2.RouteDecided(site_id="lanzhou", attempt=1, choice=choice, voucher_id="v-1")
    routed = pb.WorkloadView(state=workload_pb2.WORKLOAD_STATE_RUNNING, route=decided)

    answer = world.why(routed)

    assert answer.choice == choice
    assert not answer.misses
    assert "第 1 次" in answer.summary_zh
    assert "voucher v-1 pays a share" in answer.summary


def test_what_is_deferred_starts_when_its_hour_comes() -> None:
    world = World()
    world.site("lanzhou", cpu_milli_free=32_000)
    deferral = route_pb2.Deferral(until_ms=NOW_MS + 7_200_000, site_id="lanzhou")
    waits = pb.WorkloadView(
        state=workload_pb2.WORKLOAD_STATE_WAITING, route=route_pb2.RouteDecided(deferral=deferral)
    )

    assert world.why(waits).expected_start.at_ms == NOW_MS + 7_200_000


def test_without_any_site_it_says_so() -> None:
    answer = World().why()

    assert (answer.now.sites, answer.now.servers) == (0, 0)
    assert not answer.misses
    assert answer.expected_start.text == "no site passes its filters"
