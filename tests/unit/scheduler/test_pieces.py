"""Goal: interruptible work runs in the hours that cost less, in pieces, and is in time for sure.

Method: the hours against all subsets of them; then days of ROUTE with a site that keeps what ran.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2
from hexi_scheduler.domain.facts import Server, ServerSet, SiteFacts
from hexi_scheduler.domain.hours import HOUR_MS
from hexi_scheduler.domain.offer import ClassOffer, SiteOffer, SiteStanding
from hexi_scheduler.domain.owed import PlaceOutcome, Report
from hexi_scheduler.domain.place.place_commands import Place, PlaceItem, Release
from hexi_scheduler.domain.place.policy import BestFit
from hexi_scheduler.domain.place.run_report import ReportRuns, RunReport
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.step_place import step as place_step
from hexi_scheduler.domain.placement import Placement, PlacementState
from hexi_scheduler.domain.route.pieces import may_pause, wait_of
from hexi_scheduler.domain.route.route import (
    Cancel,
    HearOffers,
    HearReports,
    Route,
    RouteState,
    Submit,
)
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.route.step_route import step
from hexi_scheduler.domain.workload import Demand, Resources, Workload
from hexi_scheduler.settings import route_policy
from hexi_scheduler.wire import place_commands
from hexi_scheduler.wire import route as wire
from hexi_scheduler.wire.owed import reported
from hexi_scheduler.wire.workload import WorkloadReader
from hypothesis import given, settings
from hypothesis import strategies as st

MIDNIGHT_MS = 1_800_028_800_000  # in Shanghai
BROWN_NIGHT = (900,) * 8 + (0,) * 8 + (900,) * 8
POLICY = route_policy()


def best_by_hand(costs: list[int], needed: int, stop: int, running: bool) -> dict[bool, int]:
    """The least cost of all plans that run in the first hour, and of all that do not."""
    best: dict[bool, int] = {}
    for hours in combinations(range(len(costs)), needed):
        pieces = sum(hour - 1 not in hours for hour in hours)
        stops = pieces - 1 + (running and hours[0] > 0)
        cost = sum(costs[hour] for hour in hours) + stops * stop
        now = hours[0] == 0
        best[now] = min(cost, best.get(now, cost))
    return best


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=9), st.integers(1, 5), st.integers(0, 4),
    st.booleans(),
)  # fmt: skip
def test_the_hours_are_the_best_of_all(
    costs: list[int], needed: int, stop: int, running: bool
) -> None:
    best = best_by_hand(costs, needed, stop, running)

    wait, saving = wait_of(costs, needed, stop, running)

    if len(best) < 2 or best[False] >= best[True]:
        assert (wait, saving) == (0, 0)
        return
    assert saving == best[True] - best[False]
    later = best_by_hand(costs[wait:], needed, stop, False)
    assert later[True] + stop * running == best[False]
    assert all(
        best_by_hand(costs[hour:], needed, stop, False)[True] + stop * running > best[False]
        for hour in range(1, wait)
    )


def workload(**changes: Any) -> Workload:
    fields: dict[str, Any] = {
        "interruptible": True,
        "checkpoint_interval_s": 60,
        "duration_s": 12 * 3_600,
        "deadline_ms": MIDNIGHT_MS + 60 * HOUR_MS,
        **changes,
    }
    demand = fields.pop("demand", Demand(Resources(1_000, 64)))
    return Workload("w", "t", demand, **fields)


@pytest.mark.parametrize(
    "changes",
    [
        {"interruptible": False},
        {"checkpoint_interval_s": 0},
        {"duration_s": 0},
        {"deadline_ms": 0},
        {"demand": Demand(Resources(1_000, 64), lease_id="l")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_only_work_that_goes_on_where_it_stopped_is_stopped(changes: dict[str, Any]) -> None:
    assert may_pause(workload())
    assert not may_pause(workload(**changes))


class Days:
    """One site that is green from eight to sixteen, and one workload that runs there."""

    def __init__(self, job: Workload, policy: Any = POLICY, price: int = 1) -> None:
        self.router, self.job = Router(policy), job
        self.now_ms, self.revision, self.price = MIDNIGHT_MS, 0, price
        self.ran_h: list[int] = []
        self.kept_ms = HOUR_MS
        self.pauses = 0
        self.hear()
        (self.route,) = self.routes(Submit((job,)))

    def routes(self, request: Any) -> list[Route]:
        return [e for e in step(self.router, request, self.now_ms) if isinstance(e, Route)]

    def hear(self) -> None:
        self.revision += 1
        sizes = (64_000, 65_536, 0, (), 32_000, 32_768, 32_000, 32_768, 0)
        plain = ClassOffer("general", "fleet", 2, 0, *sizes, self.price)
        mix = SiteStanding(True, pue_milli=1_200, carbon_g_per_kwh_by_hour=BROWN_NIGHT)
        for route in self.routes(HearOffers((SiteOffer("s", self.revision, mix, (plain,)),))):
            self.route = route

    def hour(self) -> None:
        """What PLACE would do: run for an hour, or stop and say what is kept."""
        hour = (self.now_ms - MIDNIGHT_MS) // HOUR_MS
        if self.route.pause_requested:
            self.pauses += 1
            began, attempt = self.route, self.route.attempt
            kept_ms = self.kept_ms * (len(self.ran_h) - began.done_s // 3_600)
            report = Report("w", attempt, PlaceOutcome.EVICTED, "paused", kept_ms)
            (self.route,) = self.routes(HearReports((report,)))
        if self.route.state is RouteState.ROUTED:
            self.ran_h.append(hour)
        self.now_ms += HOUR_MS
        self.hear()

    def to_the_end(self) -> Days:
        while len(self.ran_h) < self.job.duration_s // 3_600:
            self.hour()
            assert self.now_ms <= self.job.deadline_ms, "too late"
        return self


def test_twelve_hours_run_in_the_green_hours_of_two_days() -> None:
    days = Days(workload()).to_the_end()

    assert days.ran_h == [*range(8, 16), *range(32, 36)]
    assert days.pauses == 1


def test_without_the_policy_whole_runs_are_shifted() -> None:
    whole = POLICY._replace(pause_ahead_h=0)

    assert Days(workload(), whole).to_the_end().pauses == 0


def test_where_a_stop_costs_more_than_it_saves_nobody_is_stopped() -> None:
    seldom_saved = Days(workload(checkpoint_interval_s=36_000), price=500).to_the_end()

    assert seldom_saved.pauses == 0


def test_what_keeps_nothing_is_in_time_all_the_same() -> None:
    days = Days(workload(deadline_ms=MIDNIGHT_MS + 40 * HOUR_MS))
    days.kept_ms = 0
    latest_ms = days.job.deadline_ms - days.job.duration_s * 1_000

    for _ in range(40):
        days.hour()
        if days.now_ms > latest_ms:
            assert days.route.state is RouteState.ROUTED
            assert not days.route.pause_requested
            return
    raise AssertionError("expected to get there")


def test_what_is_stopped_can_be_cancelled() -> None:
    days = Days(workload())
    while not days.route.pause_requested:
        days.hour()

    (asked,) = days.routes(Cancel("w", "t"))
    report = Report("w", asked.attempt, PlaceOutcome.EVICTED, "paused", HOUR_MS)
    (over,) = days.routes(HearReports((report,)))

    assert over.state is RouteState.CANCELLED


def test_with_a_lost_site_its_checkpoints_are_lost() -> None:
    days = Days(workload())
    while days.route.state is not RouteState.ROUTED:
        days.hour()

    report = Report("w", days.route.attempt, PlaceOutcome.EVICTED, "site lost: flood", HOUR_MS)
    (again,) = days.routes(HearReports((report,)))

    assert (again.done_s, again.rescued) == (0, True)


def message() -> workload_pb2.Workload:
    spec = workload_pb2.WorkloadSpec(
        replicas=1,
        resources=common_pb2.Resources(cpu_milli=1_000, memory_mib=64),
        interruptible=True,
        checkpoint_interval_s=60,
        duration_s=7_200,
        deadline_ms=MIDNIGHT_MS,
    )
    return workload_pb2.Workload(workload_id="w", tenant_id="t", spec=spec)


@pytest.mark.parametrize("asked_back", [False, True])
def test_a_recovery_knows_what_may_be_stopped(asked_back: bool) -> None:
    reader = WorkloadReader()
    route = Route(
        reader.read(message()), RouteState.ROUTED, 5, "s", "general", 1, done_s=60, reason="green",
        pause_requested=asked_back,
    )  # fmt: skip
    ((key, value),) = wire.entries([route], 0, 7)
    router, applied = Router(POLICY), Router(POLICY)

    wire.recover(router, key, value or b"", reader)
    applied.apply(route)

    assert router.routes["w"] == route
    assert router.running == applied.running
    assert router.running.members == ([] if asked_back else ["w"])
    (order,) = wire.orders([route], 700_000)["s"]
    said = place_commands.command(place_pb2.SiteCommand.FromString(order.body), reader)
    assert isinstance(said, Release if asked_back else Place)
    if isinstance(said, Release):
        assert (said.pause, said.reason) == (True, "green")


def test_a_site_stops_it_and_says_what_is_kept() -> None:
    site = Site("s")

    def tell(command: Any, at_ms: int) -> Placement:
        (event,) = place_step(site, command, at_ms, BestFit())
        assert isinstance(event, Placement)
        return event

    for fact in (
        SiteFacts(1, True, "gansu", 3, True, 1_200, 200, (("general", 10),)),
        ServerSet(1, (Server("r", "general", "fleet", 4_000, 65_536, 0),)),
    ):
        place_step(site, fact, 0, BestFit())
    tell(Place((PlaceItem("p", 1, WorkloadReader().read(message())),)), 1_000)
    tell(ReportRuns((RunReport("p", True, False, 2_000),)), 2_000)

    stopped = tell(Release("p", "deferred until later", pause=True), 200_000)

    assert stopped.state is PlacementState.EVICTED
    assert stopped.reason == "paused: deferred until later"
    assert site.failures.failed == 0
    *_, report = site.owed(stopped)
    assert isinstance(report, Report)
    assert (report.outcome, report.kept_ms) == (PlaceOutcome.EVICTED, 180_000)
    told = reported(report, "s")
    request = route_pb2.Request(reports=route_pb2.PlacementReports(reports=[told]))
    assert wire.request(request, WorkloadReader()) == HearReports((report,))
