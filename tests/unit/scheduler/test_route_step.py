"""ROUTE's decisions, one situation each, and how a declined or cancelled workload goes on."""

from __future__ import annotations

import pytest
from hexi_scheduler.domain.offer import ClassOffer, LeaseOffer, SiteOffer, SiteStanding
from hexi_scheduler.domain.owed import PlaceOutcome, Report
from hexi_scheduler.domain.route.filters import objections
from hexi_scheduler.domain.route.retry import OFTEN_DECLINED_WAIT_MS, REMEMBER_MS
from hexi_scheduler.domain.route.route import (
    Cancel,
    HearOffers,
    HearReports,
    Route,
    RouteForgotten,
    RouteState,
    Submit,
)
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.route.step_route import step
from hexi_scheduler.domain.workload import Constraints, Demand, Resources, Workload
from hexi_scheduler.settings import route_policy

NOW_MS = 1_000_000
CPU = Demand(Resources(1_000, 512))
A100 = Demand(Resources(4_000, 1_024, 2, 1_000, ("A100",)), replicas=2)


def plain(free_milli: int = 64_000, price: int = 10, executor: str = "fleet") -> ClassOffer:
    return ClassOffer(
        "general",
        executor,
        4,
        0,
        free_milli,
        4_096,
        0,
        (),
        min(16_000, free_milli),
        1_024,
        16_000,
        1_024,
        0,
        price,
    )


def accelerated(with_free: tuple[int, ...] = (2, 2, 1, 1)) -> ClassOffer:
    return ClassOffer(
        "A100",
        "fleet",
        2,
        0,
        64_000,
        8_192,
        sum(with_free) * 1_000,
        with_free,
        32_000,
        4_096,
        32_000,
        4_096,
        4,
        900,
    )


def site(name: str, *classes: ClassOffer, revision: int = 1, **standing: object) -> SiteOffer:
    said = {"admitted": True, "region": "gansu", "security_grade": 3, **standing}
    return SiteOffer(name, revision, SiteStanding(**said), classes)


def router(*offers: SiteOffer) -> Router:
    made = Router(route_policy())
    step(made, HearOffers(offers), NOW_MS)
    return made


def submit(to: Router, demand: Demand, name: str = "w", priority: int = 0) -> Route:
    (route,) = step(to, Submit((Workload(name, "t", demand, priority),)), NOW_MS)
    assert isinstance(route, Route)
    return route


def test_the_cheapest_site_gets_it_and_names_break_ties() -> None:
    assert submit(router(site("b", plain(price=9)), site("a", plain(price=11))), CPU).site_id == "b"
    assert submit(router(site("b", plain()), site("a", plain())), CPU).site_id == "a"


def test_energy_at_the_sites_pue_decides_between_equal_prices() -> None:
    wasteful, lean = site("a", plain(), pue_milli=1_500), site("b", plain(), pue_milli=1_100)

    assert submit(router(wasteful, lean), CPU).site_id == "b"


@pytest.mark.parametrize(
    ("constraints", "removed_by"),
    [
        (Constraints(site_ids=("elsewhere",)), "site"),
        (Constraints(regions=("ningxia",)), "region"),
        (Constraints(security_grade_min=4), "security_grade"),
        (Constraints(state_owned_cloud=True), "state_owned_cloud"),
        (Constraints(latency_region="east", latency_us_max=9), "latency"),
        (Constraints(latency_region="west", latency_us_max=99_999), "latency"),
        (Constraints(executor="slurm"), "executor"),
    ],
)
def test_a_hard_filter_makes_it_wait_and_is_named(
    constraints: Constraints, removed_by: str
) -> None:
    offer = site("a", plain(), latencies_us=(("east", 10),))

    route = submit(router(offer), CPU._replace(constraints=constraints))

    assert route.state is RouteState.WAITING
    assert route.why_not is not None
    assert [(f.name, f.sites_removed, f.servers_removed) for f in route.why_not.filters] == [
        (removed_by, 1, 4)
    ]
    assert objections(offer, CPU._replace(constraints=constraints)) == [removed_by]


def test_a_class_that_policy_knows_may_come_with_a_site_not_heard_yet() -> None:
    known = router(site("a", plain()))
    asked = Demand(Resources(1_000, 1, 1, 1_000, ("A100",)))

    assert submit(known, asked, "early").state is RouteState.WAITING
    step(known, HearOffers((site("b", plain(), accelerated()),)), 2)

    assert known.routes["early"].state is RouteState.ROUTED


def test_what_no_site_could_ever_hold_is_refused_with_the_reason() -> None:
    known = router(site("a", plain()), site("b", plain(), accelerated()))

    for demand in (
        Demand(Resources(1_000, 1, 1, 1_000, ("H900",))),
        Demand(Resources(99_000, 1)),
        Demand(Resources(1_000, 1), replicas=0),
    ):
        route = submit(known, demand, str(demand))
        assert route.state is RouteState.REFUSED
        assert route.reason
    assert submit(known, Demand(Resources(1_000, 1, 4, 1_000)), "fits").state is RouteState.ROUTED


def test_before_any_site_is_known_it_waits() -> None:
    assert submit(router(), A100).state is RouteState.WAITING


def test_the_price_ceiling_holds_and_a_lease_is_its_own_price() -> None:
    lease = LeaseOffer("lease", "t", "general", 5, 3)
    offered = site("a", plain(price=10))._replace(leases=(lease,))
    cheap = CPU._replace(price_micro_yuan_max=5)

    assert submit(router(offered), cheap).state is RouteState.WAITING
    assert submit(router(offered), cheap._replace(lease_id="lease")).state is RouteState.ROUTED
    other = submit(router(offered), cheap._replace(lease_id="another"))
    assert other.state is RouteState.WAITING


def test_room_is_debited_until_the_next_offer() -> None:
    known = router(site("a", plain(free_milli=2_000)))

    routed = [submit(known, CPU, f"w{n}").state for n in range(3)]
    assert routed == [RouteState.ROUTED, RouteState.ROUTED, RouteState.WAITING]

    again = step(known, HearOffers((site("a", plain(free_milli=1_000), revision=2),)), NOW_MS)
    assert [e.state for e in again if isinstance(e, Route)] == [RouteState.ROUTED]


def test_a_gang_waits_until_it_fits_whole() -> None:
    assert submit(router(site("a", accelerated((1, 1, 0, 0)))), A100).state is RouteState.WAITING
    assert submit(router(site("a", accelerated((2, 2, 0, 0)))), A100).state is RouteState.ROUTED
    assert submit(router(site("a", accelerated((1, 1, 1, 1)))), A100).state is RouteState.ROUTED


def test_a_declining_site_is_left_out_until_its_next_offer() -> None:
    known = router(site("a", plain(price=1)), site("b", plain(price=2)))
    submit(known, CPU)

    def decline(attempt: int) -> Route:
        report = Report("w", attempt, PlaceOutcome.DECLINED, "no room")
        (route,) = step(known, HearReports((report,)), NOW_MS)
        assert isinstance(route, Route)
        return route

    assert (decline(1).site_id, known.routes["w"].attempt) == ("b", 2)
    assert not step(known, HearReports((Report("w", 1, PlaceOutcome.DECLINED, ""),)), NOW_MS)
    waiting = decline(2)
    assert (waiting.state, waiting.reason) == (RouteState.WAITING, "no room")
    events = step(known, HearOffers((site("b", plain(price=2), revision=2),)), NOW_MS)
    assert [(e.site_id, e.attempt) for e in events if isinstance(e, Route)] == [("b", 3)]


def test_who_is_declined_again_and_again_is_not_asked_at_every_offer() -> None:
    known = router(site("a", plain()))
    submit(known, CPU)
    revision = 1
    while known.routes["w"].attempt < known.policy.attempts_max:
        attempt = known.routes["w"].attempt
        step(known, HearReports((Report("w", attempt, PlaceOutcome.DECLINED, ""),)), NOW_MS)
        revision += 1
        step(known, HearOffers((site("a", plain(), revision=revision),)), NOW_MS)
    attempt = known.routes["w"].attempt
    step(known, HearReports((Report("w", attempt, PlaceOutcome.DECLINED, ""),)), NOW_MS)

    step(known, HearOffers((site("a", plain(), revision=90),)), NOW_MS + 1)
    assert known.routes["w"].state is RouteState.WAITING
    later_ms = NOW_MS + OFTEN_DECLINED_WAIT_MS
    step(known, HearOffers((site("a", plain(), revision=91),)), later_ms)
    assert known.routes["w"].state is RouteState.ROUTED


def test_the_urgent_then_the_old_are_tried_first() -> None:
    known = router(site("a", plain(free_milli=500)))
    for name, priority in (("old", 1), ("urgent", 9), ("new", 1)):
        submit(known, CPU, name, priority)

    events = step(known, HearOffers((site("a", plain(free_milli=2_000), revision=2),)), NOW_MS)

    routed = [e.workload.workload_id for e in events if isinstance(e, Route)]
    assert routed == ["urgent", "new"]  # equal times: by id


def test_a_cancelled_workload_ends_once_and_is_never_routed_again() -> None:
    known = router(site("a", plain()))
    submit(known, CPU)

    assert not step(known, Cancel("w", "somebody else"), NOW_MS)
    (asked,) = step(known, Cancel("w", "t"), NOW_MS)
    assert isinstance(asked, Route)
    assert (asked.state, asked.cancel_requested) == (RouteState.ROUTED, True)
    assert not step(known, Cancel("w", "t"), NOW_MS)
    report = HearReports((Report("w", 1, PlaceOutcome.DECLINED, "no room"),))
    (final,) = step(known, report, NOW_MS)
    assert isinstance(final, Route)
    assert final.state is RouteState.CANCELLED


def test_the_same_submission_again_changes_nothing_and_the_over_are_forgotten_in_time() -> None:
    known = router(site("a", plain()))
    submit(known, CPU)
    assert not step(known, Submit((Workload("w", "t", CPU),)), NOW_MS)
    step(known, HearReports((Report("w", 1, PlaceOutcome.ENDED, ""),)), NOW_MS)
    assert not step(known, Submit((Workload("w", "t", CPU),)), NOW_MS)

    offer = site("a", plain(), revision=2)
    assert step(known, HearOffers((offer,)), NOW_MS + 1) == [offer]
    later = step(known, HearOffers(()), NOW_MS + REMEMBER_MS + 1)
    assert later == [RouteForgotten("w")]
