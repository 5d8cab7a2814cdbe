"""Work with a deadline waits for the cheapest hour it can have, never beyond its latest start."""

from __future__ import annotations

import pytest
from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import workload_pb2
from hexi_scheduler.domain.hours import HOUR_MS, HOURS, hour_of_day
from hexi_scheduler.domain.offer import ClassOffer, SiteOffer, SiteStanding
from hexi_scheduler.domain.owed import PlaceOutcome, Report
from hexi_scheduler.domain.route.defer import Deferral, best_start
from hexi_scheduler.domain.route.deferred import Deferred
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
from hexi_scheduler.wire import route as wire
from hexi_scheduler.wire.workload import WorkloadReader
from hypothesis import given, settings
from hypothesis import strategies as st

POLICY = route_policy()._replace(defer_margin_s=0)
MIDNIGHT_MS = 16 * HOUR_MS  # in Shanghai
ROOMY = ClassOffer(
    "A100", "fleet", 9, 0, 10**9, 10**9, 10**9, (1_000,), 64_000, 10**6, 64_000, 10**6, 1, 1
)
NOON_SUN = tuple(100 if 11 <= hour < 15 else 600 for hour in range(HOURS))
FLAT = (600,) * HOURS
DEMAND = Demand(Resources(4_000, 16_384, 1))

mixes = st.lists(st.integers(0, 900), min_size=HOURS, max_size=HOURS).map(tuple)


def site(name: str, revision: int, mix: tuple[int, ...], roomy: ClassOffer = ROOMY) -> SiteOffer:
    standing = SiteStanding(True, pue_milli=1_200, carbon_g_per_kwh_by_hour=mix)
    return SiteOffer(name, revision, standing, (roomy,))


def router(*offers: SiteOffer, at_ms: int = MIDNIGHT_MS) -> Router:
    made = Router(POLICY)
    step(made, HearOffers(offers), at_ms)
    return made


def job(hours: int = 2, slack_h: int = 20, at_ms: int = MIDNIGHT_MS) -> Workload:
    deadline_ms = at_ms + (hours + slack_h) * HOUR_MS
    return Workload(
        "w", "t", DEMAND, deadline_ms=deadline_ms, duration_s=hours * 3_600, submitted_at_ms=at_ms
    )


def submit(to: Router, workload: Workload, at_ms: int = MIDNIGHT_MS) -> Route:
    (route,) = step(to, Submit((workload,)), at_ms)
    assert isinstance(route, Route)
    return route


def hear(to: Router, at_ms: int, *offers: SiteOffer) -> list[Route]:
    return [e for e in step(to, HearOffers(offers), at_ms) if isinstance(e, Route)]


def test_it_waits_for_the_sun_and_says_so() -> None:
    known = router(site("a", 1, NOON_SUN))

    route = submit(known, job())

    # 400 W at a PUE of 1.2 for two hours: 0.96 kWh, 480 g less, at 0.09 yuan a kilogram.
    assert route.state is RouteState.WAITING
    assert route.deferral == Deferral(MIDNIGHT_MS + 11 * HOUR_MS, "a", 43_200)
    assert route.reason == (
        "deferred until 1970-01-02 11:00: a is then expected to cost 0.04 yuan less"
    )
    assert not known.waiting
    assert not hear(known, MIDNIGHT_MS + 11 * HOUR_MS - 1)
    (released,) = hear(known, MIDNIGHT_MS + 11 * HOUR_MS)
    assert (released.state, released.site_id, released.deferral) == (RouteState.ROUTED, "a", None)


@pytest.mark.parametrize(
    "workload",
    [
        job()._replace(deadline_ms=0),
        job(slack_h=0),
        job(slack_h=8),
        job()._replace(deadline_ms=MIDNIGHT_MS - 1),
    ],
    ids=["no deadline", "no slack", "the sun comes too late", "the deadline has passed"],
)
def test_who_can_gain_nothing_starts_at_once(workload: Workload) -> None:
    assert submit(router(site("a", 1, NOON_SUN)), workload).state is RouteState.ROUTED


def test_a_saving_below_the_threshold_is_not_worth_the_wait() -> None:
    nearly = tuple(g - (hour == 11) for hour, g in enumerate(FLAT))
    known = Router(POLICY._replace(defer_saving_ppm_min=10_000))
    step(known, HearOffers((site("a", 1, nearly),)), MIDNIGHT_MS)

    assert submit(known, job()).state is RouteState.ROUTED


def test_it_does_not_start_before_its_time_nor_after_the_best_hour_within_it() -> None:
    known = router(site("a", 1, NOON_SUN))

    plain = submit(known, job()._replace(deadline_ms=0, not_before_ms=MIDNIGHT_MS + 90_000))
    assert plain.deferral == Deferral(MIDNIGHT_MS + 90_000)
    assert plain.reason == "not before 1970-01-02 00:01"
    both = job()._replace(workload_id="x", not_before_ms=MIDNIGHT_MS + 12 * HOUR_MS + 1)
    assert submit(known, both).deferral == Deferral(MIDNIGHT_MS + 12 * HOUR_MS + 1)


def test_a_better_forecast_changes_the_hour_and_the_site() -> None:
    known = router(site("a", 1, NOON_SUN), site("b", 1, FLAT))
    submit(known, job())
    windy_night = tuple(0 if 3 <= hour < 9 else 600 for hour in range(HOURS))

    (changed,) = hear(known, MIDNIGHT_MS + 1, site("b", 2, windy_night))

    assert changed.deferral is not None
    assert changed.deferral[:2] == (MIDNIGHT_MS + 3 * HOUR_MS, "b")
    assert not hear(known, MIDNIGHT_MS + 2, site("b", 3, windy_night)), "told twice"
    (gone,) = hear(known, MIDNIGHT_MS + 3, site("a", 2, (0,) * HOURS))
    assert (gone.state, gone.site_id) == (RouteState.ROUTED, "a")


def test_when_its_hour_comes_without_room_it_waits_for_room() -> None:
    full = ROOMY._replace(accelerator_milli_free=0, servers_with_free_accelerators=(0,))
    known = router(site("a", 1, NOON_SUN))
    submit(known, job())

    hear(known, MIDNIGHT_MS + HOUR_MS, site("a", 2, NOON_SUN, full))
    (route,) = hear(known, MIDNIGHT_MS + 11 * HOUR_MS)
    assert (route.state, route.deferral) == (RouteState.WAITING, None)
    assert len(known.waiting) == 1
    (route,) = hear(known, MIDNIGHT_MS + 11 * HOUR_MS + 1, site("a", 3, NOON_SUN))
    assert route.state is RouteState.ROUTED


def test_what_no_site_could_hold_is_refused_and_the_deferred_can_be_cancelled() -> None:
    known = router(site("a", 1, NOON_SUN))
    later = job()._replace(not_before_ms=MIDNIGHT_MS + HOUR_MS)

    huge = later._replace(workload_id="huge", demand=Demand(Resources(1, 1, 9)))
    assert submit(known, huge).state is RouteState.REFUSED
    submit(known, later)
    (cancelled,) = step(known, Cancel("w", "t"), MIDNIGHT_MS)
    assert isinstance(cancelled, Route)
    assert (cancelled.state, cancelled.deferral) == (RouteState.CANCELLED, None)
    assert not known.deferred


def test_an_evicted_run_may_wait_for_the_next_good_hour() -> None:
    noon_ms = MIDNIGHT_MS + 12 * HOUR_MS
    known = router(site("a", 1, NOON_SUN), at_ms=noon_ms)
    workload = job(1, 30, noon_ms)
    assert submit(known, workload, noon_ms).state is RouteState.ROUTED

    evening_ms = noon_ms + 5 * HOUR_MS
    report = Report("w", 1, PlaceOutcome.EVICTED, "the site is hot")
    (again,) = step(known, HearReports((report,)), evening_ms)

    assert isinstance(again, Route)
    assert again.deferral is not None
    assert again.deferral.until_ms == noon_ms + 23 * HOUR_MS


def test_a_deferral_reads_back_and_is_rebuilt() -> None:
    known, reader = router(site("a", 1, NOON_SUN)), WorkloadReader()
    asked = common_pb2.Resources(cpu_milli=1_000, accelerators=1)
    spec = workload_pb2.WorkloadSpec(
        replicas=1, resources=asked, deadline_ms=MIDNIGHT_MS + 20 * HOUR_MS, duration_s=7_200
    )
    decided = submit(known, reader.read(workload_pb2.Workload(workload_id="w", spec=spec)))
    assert decided.deferral
    ((key, value),) = wire.entries([decided], 0, 1)

    rebuilt = Router(POLICY)
    wire.recover(rebuilt, key, value or b"", reader)

    assert rebuilt.deferred == known.deferred
    assert not rebuilt.waiting
    read = wire.entry(value or b"", reader)
    assert isinstance(read, Route)
    assert read.deferral == decided.deferral


def test_after_news_all_are_judged_a_few_at_a_time_and_the_due_ones_first() -> None:
    waiting = Deferred()
    for n in range(10):
        waiting.change(f"w{n}", None, Deferral(n))

    first, second, third = (waiting.to_judge(1, n == 0, 4) for n in range(3))

    assert first == ["w0", "w1", "w2", "w3"]
    assert second == ["w0", "w1", "w4", "w5"]  # the due are judged until they are gone
    waiting.change("w0", Deferral(0), None)
    waiting.change("w1", Deferral(1), None)
    assert third + waiting.to_judge(1, False, 4) == ["w0", "w1", "w6", "w7", "w8", "w9"]
    assert waiting.to_judge(1, False, 4) == []
    assert len(waiting) == 8


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.integers(0, 20))
def test_the_best_start_is_the_first_cheapest_and_worth_it(costs: list[int], least: int) -> None:
    wait, saving = best_start(costs, least)

    if wait:
        assert costs[wait] == min(costs) < min(costs[:wait])
        assert saving == costs[0] - costs[wait] >= least
    else:
        assert saving == 0
        assert costs[0] - min(costs) < max(1, least)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(mixes, min_size=1, max_size=5),
    st.integers(1, 30),
    st.integers(0, 30),
    st.integers(0, 3_599_999),
    st.integers(1, 40),
)
def test_whatever_is_forecast_it_goes_by_its_latest_start(
    forecasts: list[tuple[int, ...]], hours: int, slack_h: int, into_ms: int, every_min: int
) -> None:
    """Forecasts come and go; ROUTE hears a tick now and then."""
    at_ms = MIDNIGHT_MS + into_ms
    known = router(site("a", 1, forecasts[0]), site("b", 1, forecasts[-1]), at_ms=at_ms)
    workload = job(hours, slack_h, at_ms)
    latest_ms = at_ms + slack_h * HOUR_MS
    route = submit(known, workload, at_ms)
    hourly = forecasts[0]
    revision = 1
    while route.state is RouteState.WAITING:
        assert route.deferral is not None
        assert at_ms < route.deferral.until_ms <= latest_ms
        soonest = min(at_ms + every_min * 60_000, route.deferral.until_ms)
        at_ms, revision = soonest, revision + 1
        hourly = forecasts[revision % len(forecasts)]
        heard = hear(known, at_ms, site("a", revision, hourly))
        route = heard[-1] if heard else route
        assert at_ms <= latest_ms
    assert route.state is RouteState.ROUTED
    assert at_ms <= latest_ms


@settings(max_examples=60, deadline=None)
@given(st.lists(mixes, min_size=1, max_size=3), st.integers(1, 30), st.integers(0, 30))
def test_the_hour_and_site_are_the_cheapest_there_are(
    forecasts: list[tuple[int, ...]], hours: int, slack_h: int
) -> None:
    at_ms = MIDNIGHT_MS + 5 * HOUR_MS
    known = Router(POLICY._replace(defer_saving_ppm_min=0))
    offers = [site(f"s{number}", 1, mix) for number, mix in enumerate(forecasts)]
    step(known, HearOffers(tuple(offers)), at_ms)

    route = submit(known, job(hours, slack_h, at_ms), at_ms)

    def cost(wait: int) -> int:
        fresh = Router(POLICY)
        step(fresh, HearOffers(tuple(offers)), at_ms)
        workload = job(hours)._replace(deadline_ms=0)
        return fresh.candidates(workload, at_ms + wait * HOUR_MS)[0][0]

    best = min(range(min(slack_h, HOURS - 1) + 1), key=cost)
    wait = (route.deferral.until_ms - at_ms) // HOUR_MS if route.deferral else 0
    assert wait == best
    assert hour_of_day(at_ms + wait * HOUR_MS) == (5 + wait) % HOURS
