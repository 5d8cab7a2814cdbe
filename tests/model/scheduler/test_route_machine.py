"""ROUTE under any history: one outcome each, no site that was filtered out, rebuild equal."""

from __future__ import annotations

from hexi_scheduler.domain.hours import HOUR_MS, HOURS
from hexi_scheduler.domain.offer import ClassOffer, SiteOffer, SiteStanding
from hexi_scheduler.domain.owed import PlaceOutcome, Report
from hexi_scheduler.domain.route.filters import objections
from hexi_scheduler.domain.route.route import (
    Cancel,
    HearOffers,
    HearReports,
    Route,
    RouteForgotten,
    RouteState,
    Submit,
)
from hexi_scheduler.domain.route.router import RouteEvent, Router
from hexi_scheduler.domain.route.step_route import step
from hexi_scheduler.domain.workload import Constraints, Demand, Resources, Workload
from hexi_scheduler.settings import route_policy
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model.scheduler.attributes import attributes

RUN_MS = 3_600_000  # nobody says how long
POLICY = route_policy()

Request = Submit | Cancel | HearReports | HearOffers

demands = st.builds(
    lambda cpu, devices, replicas, grade, ceiling: Demand(
        Resources(cpu, 64, devices),
        replicas,
        Constraints(security_grade_min=grade),
        ceiling,
    ),
    st.sampled_from([500, 1_000, 9_000]),
    st.sampled_from([0, 0, 1, 2, 9]),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([0, 0, 5]),
)
classes = st.builds(
    lambda kind, free, price: ClassOffer(
        kind,
        "fleet",
        4,
        0,
        free * 1_000,
        4_096,
        0 if kind == "general" else free * 1_000,
        () if kind == "general" else (free, free // 2),
        min(8_000, free * 1_000),
        1_024,
        8_000,
        1_024,
        0 if kind == "general" else 2,
        price,
    ),
    st.sampled_from(["general", "A100"]),
    st.integers(0, 6),
    st.integers(1, 9),
)


class RouteMachine(RuleBasedStateMachine):
    """One partition and all that can be asked of it."""

    @initialize()
    def begin(self) -> None:
        self.router = Router(POLICY)
        self.journal: list[RouteEvent] = []
        self.now_ms = 1_000
        self.count = 0
        self.revision = 0

    def apply(self, request: Request) -> None:
        events = step(self.router, request, self.now_ms)
        self.journal.extend(events)
        assert not step(self.router, request, self.now_ms), "decided twice"

    @rule(
        asked=st.lists(demands, min_size=1, max_size=4),
        priority=st.integers(0, 2),
        slack_h=st.sampled_from([None, None, 0, 3, 30]),
        not_before_h=st.sampled_from([None, None, 2]),
        pieces_h=st.sampled_from([0, 0, 2, 5]),
    )
    def submit(
        self,
        asked: list[Demand],
        priority: int,
        slack_h: int | None,
        not_before_h: int | None,
        pieces_h: int,
    ) -> None:
        workloads = []
        for demand in asked:
            self.count += 1
            workload = Workload(f"w{self.count}", "t", demand, priority, 0, self.now_ms)
            if pieces_h:
                workload = workload._replace(
                    interruptible=True, checkpoint_interval_s=60, duration_s=pieces_h * 3_600
                )
            if slack_h is not None:
                deadline_ms = self.now_ms + _run_ms(workload) + slack_h * HOUR_MS
                workload = workload._replace(deadline_ms=deadline_ms)
            if not_before_h is not None:
                workload = workload._replace(not_before_ms=self.now_ms + not_before_h * HOUR_MS)
            workloads.append(workload)
        self.apply(Submit(tuple(workloads)))

    @rule(
        name=st.sampled_from(["a", "b", "c"]),
        offered=st.lists(classes, max_size=2, unique_by=lambda c: c.class_id),
        grade=st.integers(0, 3),
        admitted=st.booleans(),
        later_ms=st.integers(0, 3_600_000),
        sunny_at=st.sampled_from([None, None, 2, 20]),
    )
    def offer(
        self,
        name: str,
        offered: list[ClassOffer],
        grade: int,
        admitted: bool,
        later_ms: int,
        sunny_at: int | None,
    ) -> None:
        self.now_ms += later_ms
        self.revision += 1
        mix = () if sunny_at is None else tuple(900 * (h != sunny_at) for h in range(HOURS))
        standing = SiteStanding(
            admitted, "gansu", grade, pue_milli=1_200, carbon_g_per_kwh_by_hour=mix
        )
        self.apply(HearOffers((SiteOffer(name, self.revision, standing, tuple(offered)),)))

    @precondition(lambda self: self.count)
    @rule(
        pick=st.integers(0),
        stale=st.booleans(),
        outcome=st.sampled_from(list(PlaceOutcome)),
        kept_ms=st.sampled_from([0, 3_600_000]),
    )
    def report(self, pick: int, stale: bool, outcome: PlaceOutcome, kept_ms: int) -> None:
        name = f"w{pick % self.count + 1}"
        route = self.router.routes.get(name)
        attempt = (route.attempt if route else 1) - stale
        self.apply(HearReports((Report(name, attempt, outcome, "why", kept_ms),)))

    @precondition(lambda self: self.count)
    @rule(pick=st.integers(0))
    def cancel(self, pick: int) -> None:
        self.apply(Cancel(f"w{pick % self.count + 1}", "t"))

    @invariant()
    def each_has_one_outcome(self) -> None:
        finals: dict[str, int] = {}
        attempts: dict[str, int] = {}
        for event in self.journal:
            if isinstance(event, Route):
                name = event.workload.workload_id
                assert not finals.get(name), "decided after its end"
                finals[name] = finals.get(name, 0) + event.over
                assert event.attempt >= attempts.get(name, 0)
                attempts[name] = event.attempt
        forgotten = {e.workload_id for e in self.journal if isinstance(e, RouteForgotten)}
        assert set(finals) == {f"w{n + 1}" for n in range(self.count)}
        assert set(self.router.routes) == set(finals) - forgotten

    @invariant()
    def the_waiting_are_those_who_wait(self) -> None:
        routes = self.router.routes
        waiting = {name for name in routes if _waits(routes[name])}
        assert set(self.router.waiting) == waiting
        assert len(self.router.waiting) == len(waiting)
        lines = self.router.waiting.lines
        assert all(members == sorted(members) for members in lines.values())

    @invariant()
    def the_deferred_wait_for_their_hour_and_no_longer(self) -> None:
        routes = [self.router.routes[name] for name in self.router.routes]
        deferred = [route for route in routes if route.deferral]
        expected = [(d.deferral.until_ms, d.workload.workload_id) for d in deferred if d.deferral]
        assert self.router.deferred.members == sorted(expected)
        for route in deferred:
            assert route.state is RouteState.WAITING
            workload, until_ms = route.workload, route.deferral.until_ms if route.deferral else 0
            assert until_ms > route.decided_at_ms
            latest_ms = workload.deadline_ms - _left_ms(route) if workload.deadline_ms else until_ms
            assert until_ms <= max(latest_ms, workload.not_before_ms)
        for event in self.journal:
            if isinstance(event, Route) and _sent(event):
                assert event.decided_at_ms >= event.workload.not_before_ms

    @invariant()
    def what_is_stopped_can_still_be_in_time_if_nothing_was_kept(self) -> None:
        for event in self.journal:
            if isinstance(event, Route) and event.pause_requested and not event.over:
                workload = event.workload
                assert workload.interruptible
                if not event.cancel_requested:
                    assert event.decided_at_ms < workload.deadline_ms - _left_ms(event)

    @invariant()
    def rebuild_is_the_state(self) -> None:
        rebuilt = Router(POLICY)
        for event in self.journal:
            rebuilt.apply(event)
        assert _picture(rebuilt) == _picture(self.router)
        from_newest = Router(POLICY)
        for event in _newest(self.journal):
            from_newest.apply(event)
        # What was routed and came back since the newest offer is forgotten: a guess grows better.
        assert _picture(from_newest, "debits") == _picture(self.router, "debits")

    @invariant()
    def no_site_is_chosen_against_its_filters(self) -> None:
        offers: dict[str, SiteOffer] = {}
        for event in self.journal:
            if isinstance(event, SiteOffer):
                offers[event.site_id] = event
            elif isinstance(event, Route) and _sent(event):
                assert not objections(offers[event.site_id], event.workload.demand)


def _waits(route: Route) -> bool:
    return route.state is RouteState.WAITING and route.deferral is None


def _sent(route: Route) -> bool:
    asked_back = route.cancel_requested or route.pause_requested
    return route.state is RouteState.ROUTED and not asked_back


def _run_ms(workload: Workload) -> int:
    return workload.duration_s * 1_000 or RUN_MS


def _left_ms(route: Route) -> int:
    return max(0, _run_ms(route.workload) - route.done_s * 1_000)


def _picture(router: Router, *but: str) -> dict[str, object]:
    objects = ("board", "routes", "waiting", "shares", "unserved")
    kept = {k: getattr(router, k) for k in attributes(Router) if k not in (*objects, *but)}
    return {
        **kept,
        "routes": {name: router.routes[name] for name in router.routes},
        "offers": router.offers,
        "order": list(router.finished),
        "lines": router.waiting.lines,
        "used": (router.shares.heard, router.shares.total),
    }


def _newest(journal: list[RouteEvent]) -> list[RouteEvent]:
    newest: dict[str, RouteEvent] = {}
    for event in journal:
        if isinstance(event, RouteForgotten):
            newest.pop(event.workload_id, None)
            continue
        key = event.site_id if isinstance(event, SiteOffer) else event.workload.workload_id
        newest.pop(key, None)
        newest[key] = event
    return list(newest.values())


RouteMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestRouteMachine = RouteMachine.TestCase
