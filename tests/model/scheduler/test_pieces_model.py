"""Goal: whatever hours are forecast and whatever a stop keeps, work in pieces ends by its deadline.

Method: ROUTE hears a forecast anew each hour, true or not; sites with room run what it sends, and
keep of what they stop either all or nothing. A rebuilt ROUTE takes over now and then.
"""

from __future__ import annotations

from hexi_scheduler.domain.hours import HOUR_MS, HOURS
from hexi_scheduler.domain.offer import ClassOffer, SiteOffer, SiteStanding
from hexi_scheduler.domain.owed import PlaceOutcome, Report
from hexi_scheduler.domain.route.route import HearOffers, HearReports, Route, RouteState, Submit
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.route.step_route import step
from hexi_scheduler.domain.workload import Demand, Resources, Workload
from hexi_scheduler.settings import route_policy
from hypothesis import event, given, settings
from hypothesis import strategies as st

START_MS = 1_800_028_800_000
STEP_MS = 600_000
POLICY = route_policy()
ROOM = ClassOffer("general", "fleet", 9, 0, 10**6, 10**6, 0, (), 64_000, 10**6, 64_000, 10**6, 0, 1)

mixes = st.lists(st.sampled_from([0, 300, 900]), min_size=HOURS, max_size=HOURS).map(tuple)
jobs = st.tuples(st.integers(2, 6), st.integers(0, 30), st.sampled_from([60, 600]))


class Province:
    """Two sites with room for all."""

    def __init__(self, asked: list[tuple[int, int, int]], keeps: list[bool]) -> None:
        self.router, self.now_ms, self.revision = Router(POLICY), START_MS, 0
        self.keeps, self.pauses = keeps, 0
        self.routes: dict[str, Route] = {}
        self.offers: list[SiteOffer] = []
        self.began_ms: dict[tuple[str, int], int] = {}
        self.done_ms: dict[str, int] = {}
        self.jobs = [
            Workload(
                f"w{number}",
                "t",
                Demand(Resources(1_000, 64)),
                deadline_ms=START_MS + (run_h + slack_h) * HOUR_MS + POLICY.defer_margin_s * 1_000,
                interruptible=True,
                checkpoint_interval_s=checkpoint_s,
                duration_s=run_h * 3_600,
            )
            for number, (run_h, slack_h, checkpoint_s) in enumerate(asked)
        ]

    def ask(self, request: Submit | HearOffers | HearReports) -> None:
        for found in step(self.router, request, self.now_ms):
            if isinstance(found, Route):
                self.routes[found.workload.workload_id] = found
            elif isinstance(found, SiteOffer):
                self.offers.append(found)

    def forecast(self, *said: tuple[int, ...]) -> None:
        self.revision += 1
        self.ask(
            HearOffers(
                tuple(
                    SiteOffer(
                        f"s{number}",
                        self.revision,
                        SiteStanding(True, pue_milli=1_200, carbon_g_per_kwh_by_hour=mix),
                        (ROOM,),
                    )
                    for number, mix in enumerate(said)
                )
            )
        )

    def rebuild(self) -> None:
        self.router = Router(POLICY)
        for offer in self.offers[-2:]:
            self.router.apply(offer)
        for route in self.routes.values():
            self.router.apply(route)

    def run(self) -> None:
        """Ten minutes of all that is routed."""
        self.now_ms += STEP_MS
        for name, route in list(self.routes.items()):
            if route.state is not RouteState.ROUTED:
                continue
            began_ms = self.began_ms.setdefault((name, route.attempt), self.now_ms - STEP_MS)
            ran_ms = self.now_ms - began_ms
            if self.done_ms.get(name, 0) + ran_ms >= route.workload.duration_s * 1_000:
                self.ask(HearReports((Report(name, route.attempt, PlaceOutcome.ENDED, ""),)))
                assert self.now_ms <= route.workload.deadline_ms, "too late"

    def stop(self) -> None:
        """What ROUTE wants to stop, stops at once."""
        for name, route in list(self.routes.items()):
            if route.state is RouteState.ROUTED and route.pause_requested:
                ran_ms = self.now_ms - self.began_ms.get((name, route.attempt), self.now_ms)
                kept_ms = ran_ms if self.keeps[self.pauses % len(self.keeps)] else 0
                self.pauses += 1
                self.done_ms[name] = self.done_ms.get(name, 0) + kept_ms
                evicted = Report(name, route.attempt, PlaceOutcome.EVICTED, "paused", kept_ms)
                self.ask(HearReports((evicted,)))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(jobs, min_size=1, max_size=4),
    st.lists(mixes, min_size=2, max_size=6),
    st.lists(st.booleans(), min_size=1, max_size=5),
)
def test_all_end_by_their_deadline(
    asked: list[tuple[int, int, int]], said: list[tuple[int, ...]], keeps: list[bool]
) -> None:
    province = Province(asked, keeps)
    province.forecast(said[0], said[1])
    province.ask(Submit(tuple(province.jobs)))

    for tick in range(37 * HOUR_MS // STEP_MS):
        if all(route.over for route in province.routes.values()):
            break
        province.run()
        if tick % 17 == 16:
            province.rebuild()
        hour = (province.now_ms - START_MS) // HOUR_MS
        province.forecast(said[hour % len(said)], said[(hour + 1) % len(said)])
        province.stop()

    assert {route.state for route in province.routes.values()} == {RouteState.ENDED}
    event(f"stopped {min(province.pauses, 5)} times")
