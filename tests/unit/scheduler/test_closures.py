"""Servers leave and come back: drains, windows, penalties; a lost site's work is saved once.

Method: single situations with times on paper; for the loss, both stages over three sites, every
command and report delivered twice.
"""

from __future__ import annotations

import pytest
from hexi_scheduler.domain.closures import SITE_LOST, Drain, SiteLoss, Window
from hexi_scheduler.domain.facts import Condition, Server, ServerSet, SiteFacts
from hexi_scheduler.domain.keep import KeepRules, PenaltyRules, SpareRules
from hexi_scheduler.domain.owed import Report
from hexi_scheduler.domain.place.closure_commands import DeclareLoss, DirectDrain
from hexi_scheduler.domain.place.place_commands import Place, PlaceCommand, PlaceItem, Tick
from hexi_scheduler.domain.place.policy import BestFit
from hexi_scheduler.domain.place.run_report import ReportRuns, RunReport
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.site_offer import offer_of
from hexi_scheduler.domain.place.step_place import step
from hexi_scheduler.domain.placement import Placement, PlacementState
from hexi_scheduler.domain.route.route import HearOffers, HearReports, Route, RouteState, Submit
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.route.step_route import step as route_step
from hexi_scheduler.domain.rules import Rules
from hexi_scheduler.domain.workload import Demand, Resources, Workload
from hexi_scheduler.settings import route_policy

NOW_MS = 1_800_000_000_000
MINUTE_MS = 60_000
FACTS = SiteFacts(1, True, "gansu", 3, True, 1_200, 200, (("general", 10),))
PENALTY = PenaltyRules(2, 60 * MINUTE_MS, 10 * MINUTE_MS, 25 * MINUTE_MS)
RULES = Rules(keep=KeepRules(SpareRules(700, (("general", 250),)), penalty=PENALTY))


class Desk:
    """One site, told things at a time."""

    def __init__(self, name: str = "s", racks: int = 2, cpus: int = 4) -> None:
        self.site, self.now_ms = Site(name), NOW_MS
        self.tell(FACTS)
        fleet = [Server(f"r{n}", "general", "fleet", cpus * 1_000, 65_536, 0) for n in range(racks)]
        self.tell(ServerSet(1, tuple(fleet)))

    def tell(self, command: PlaceCommand) -> list[Placement]:
        events = step(self.site, command, self.now_ms, BestFit(), RULES)
        assert not step(self.site, command, self.now_ms, BestFit(), RULES), "decided twice"
        self.site.revision += 1
        return [event for event in events if isinstance(event, Placement)]

    def place(self, name: str, attempt: int = 1, **more: object) -> Placement:
        workload = Workload(name, "t", Demand(Resources(1_000, 1)), **more)
        return self.tell(Place((PlaceItem(f"{name}/{attempt}", attempt, workload),)))[0]

    def later(self, minutes: int) -> list[Placement]:
        self.now_ms += minutes * MINUTE_MS
        return self.tell(Tick(self.now_ms))

    def says(self, name: str, *, started: bool) -> None:
        self.tell(ReportRuns((RunReport(name, started, not started, self.now_ms),)))

    def out(self, condition: Condition) -> tuple[int, ...]:
        return self.site.out.get(condition, ())


def test_a_drain_takes_no_new_work_and_ends_the_old_after_its_grace() -> None:
    desk = Desk()
    old = desk.place("old")
    assert old.allocations[0].server == 0
    drain = Drain("d", ("r0",), (), NOW_MS + 5 * MINUTE_MS, "new fans")

    assert not desk.tell(DirectDrain(drain, active=True))

    assert desk.out(Condition.DRAINED) == (0,)
    assert desk.place("new").allocations[0].server == 1
    assert not desk.later(4)
    (evicted,) = desk.later(1)
    assert (evicted.state, evicted.reason) == (PlacementState.EVICTED, "drained: new fans")
    desk.tell(DirectDrain(drain, active=False))
    assert not desk.out(Condition.DRAINED)


def test_a_server_that_joins_a_drained_rack_is_drained_too() -> None:
    desk = Desk(racks=1)
    desk.tell(DirectDrain(Drain("d", ("r0",), (), NOW_MS), active=True))
    rows = [Server(rack, "general", "fleet", 4_000, 65_536, 0) for rack in ("r0", "r0", "r1")]

    desk.tell(ServerSet(2, tuple(rows)))

    assert desk.out(Condition.DRAINED) == (0, 1)


def test_two_drains_of_a_rack_must_both_be_over() -> None:
    desk = Desk()
    for name, active in (("a", True), ("b", True), ("a", False)):
        desk.tell(DirectDrain(Drain(name, ("r0",), (), NOW_MS), active))

    assert desk.out(Condition.DRAINED) == (0,)
    desk.tell(DirectDrain(Drain("b"), active=False))
    assert not desk.out(Condition.DRAINED)


@pytest.mark.parametrize(
    ("work", "server"),
    [
        ({"duration_s_max": 30 * 60}, 0),
        ({"duration_s_max": 2 * 60 * 60}, 1),
        ({}, 1),
        ({"interruptible": True}, 0),
        ({"interruptible": True, "duration_s_max": 2 * 60 * 60}, 1),
    ],
)
def test_nothing_is_placed_that_would_run_into_maintenance(work, server) -> None:
    desk = Desk()
    window = Window(NOW_MS + 60 * MINUTE_MS, NOW_MS + 90 * MINUTE_MS, "fans", ("r0",))
    desk.tell(FACTS._replace(revision=2, maintenance=(window,)))

    assert desk.place("w", **work).allocations[0].server == server


def test_maintenance_evicts_at_its_start_and_opens_again_by_itself() -> None:
    desk = Desk(racks=1)
    window = Window(NOW_MS + 60 * MINUTE_MS, NOW_MS + 90 * MINUTE_MS, "fans")
    desk.tell(FACTS._replace(revision=2, maintenance=(window,)))
    desk.place("w", interruptible=True)

    assert not desk.later(59)
    assert [p.reason for p in desk.later(1)] == ["maintenance: fans"]
    assert desk.place("during").state is PlacementState.DECLINED
    desk.later(30)
    assert desk.place("after").live


def test_a_server_that_fails_again_and_again_is_out_for_longer_each_time() -> None:
    desk = Desk(racks=1)
    out_minutes = []
    for n in range(5):
        placed = desk.place(f"w{n}")
        assert placed.live
        desk.says(placed.placement_id, started=False)
        minutes = 0
        while desk.out(Condition.FAILING):
            desk.later(1)
            minutes += 1
        out_minutes.append(minutes)
        desk.now_ms += 1

    assert out_minutes == [0, 10, 20, 25, 25]


def test_one_good_start_or_a_quiet_hour_clears_a_server() -> None:
    desk = Desk(racks=1)
    for name, started in (("a", False), ("b", True), ("c", False)):
        placed = desk.place(name)
        desk.says(placed.placement_id, started=started)
        desk.now_ms += 1
    assert not desk.out(Condition.FAILING)

    desk.later(61)
    assert not desk.site.keeping.failures


def test_what_failed_elsewhere_before_has_itself_to_blame() -> None:
    desk = Desk(racks=1)
    for attempt in (2, 3, 4):
        desk.says(desk.place("bad", attempt).placement_id, started=False)
        desk.now_ms += 1

    assert not desk.site.keeping.failures


class Province:
    """Both stages; each command and each report comes twice, as after a kill in between."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.desks = {name: Desk(name, racks=1, cpus=cpus) for name, cpus in sizes.items()}
        self.router = Router(route_policy()._replace(partitions=1), RULES)
        self.reports: list[Report] = []
        self.hear_offers()

    def hear_offers(self) -> None:
        offers = [offer_of(desk.site, RULES) for desk in self.desks.values()]
        self.ask(HearOffers(tuple(filter(None, offers))))

    def ask(self, request: Submit | HearReports | HearOffers) -> None:
        events = route_step(self.router, request, NOW_MS)
        assert not route_step(self.router, request, NOW_MS)
        for route in events:
            if isinstance(route, Route) and route.state is RouteState.ROUTED:
                name = f"{route.workload.workload_id}/{route.attempt}"
                item = PlaceItem(name, route.attempt, route.workload, rescued=route.rescued)
                self.tell(route.site_id, Place((item,)))

    def tell(self, site_id: str, command: PlaceCommand) -> None:
        desk = self.desks[site_id]
        for placement in desk.tell(command):
            self.reports += [o for o in desk.site.owed(placement) if isinstance(o, Report)]

    def hear_reports(self) -> None:
        while self.reports:
            heard, self.reports = tuple(self.reports), []
            self.ask(HearReports(heard + heard))

    def live(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, desk in self.desks.items():
            for placement in desk.site.placements.values():
                if placement.live:
                    found.setdefault(placement.workload.workload_id, []).append(name)
        return found


def test_a_lost_sites_work_is_placed_elsewhere_once_and_the_most_urgent_is_saved() -> None:
    province = Province({"big": 8, "spare": 8})
    demand = Demand(Resources(1_000, 1))
    work = [Workload(f"w{n}", "t", demand, priority=n, submitted_at_ms=n) for n in range(12)]
    for workload in work:
        province.ask(Submit((workload,)))
        province.hear_offers()
    province.hear_reports()
    at = {name: sites[0] for name, sites in province.live().items()}
    assert len(at) == 12  # six in each: two of eight are spare

    province.tell("big", DeclareLoss(SiteLoss(NOW_MS, True, "flood"), active=True))
    province.hear_offers()
    province.hear_reports()
    province.hear_offers()

    now = province.live()
    lost = sorted((n for n, site in at.items() if site == "big"), key=lambda n: -int(n[1:]))
    saved, unsaved = lost[:2], lost[2:]
    assert {name: ["spare"] for name in saved} == {n: now[n] for n in lost if n in now}
    assert all(now[name] == ["spare"] for name, site in at.items() if site == "spare")
    for name in unsaved:
        route = province.router.routes[name]
        assert (route.state, route.rescued) == (RouteState.WAITING, True)
        assert route.why_not is not None
    assert province.desks["big"].place("x").reason == SITE_LOST
    assert offer_of(province.desks["big"].site, RULES).lost_at_ms == NOW_MS


def test_a_site_that_is_back_takes_work_again_and_has_none_of_the_old() -> None:
    desk = Desk()
    old = desk.place("old")
    desk.says(old.placement_id, started=True)
    lost = SiteLoss(NOW_MS, declared=False)
    (evicted,) = desk.tell(DeclareLoss(lost, active=True))
    assert (evicted.state, evicted.run.ended_at_ms) == (PlacementState.EVICTED, NOW_MS)

    desk.says(old.placement_id, started=True)
    desk.tell(DeclareLoss(lost, active=False))

    assert desk.place("new").live
    assert not desk.site.placements[old.placement_id].live


def test_silence_and_a_word_of_the_site_do_not_undo_a_declaration() -> None:
    desk = Desk()
    for declared, active in ((False, True), (True, True), (False, False)):
        desk.tell(DeclareLoss(SiteLoss(NOW_MS, declared), active))
    assert desk.site.keeping.loss == SiteLoss(NOW_MS, declared=True)

    desk.tell(DeclareLoss(SiteLoss(NOW_MS, declared=True), active=False))
    assert desk.site.keeping.loss is None


def test_the_province_keeps_its_minimum_free_for_those_named() -> None:
    spare = SpareRules(700, province_min=(("general", 6),))
    rules = RULES._replace(keep=KeepRules(spare))
    router = Router(route_policy()._replace(partitions=1), rules)
    offers = [offer_of(Desk(name, racks=1).site, rules) for name in ("a", "b")]
    route_step(router, HearOffers(tuple(filter(None, offers))), NOW_MS)
    demand = Demand(Resources(1_000, 1))

    def decide(name: str, priority: int) -> RouteState:
        request = Submit((Workload(name, "t", demand, priority),))
        return next(e.state for e in route_step(router, request, NOW_MS) if isinstance(e, Route))

    routed, waiting = RouteState.ROUTED, RouteState.WAITING
    assert [decide(f"w{n}", 0) for n in range(3)] == [routed, routed, waiting]
    assert decide("urgent", 700) is routed
