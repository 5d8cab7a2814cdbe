"""Goal: what the columns rank is what the filters, the cost and the room say site by site.

Method: random provinces and demands; the reference asks every site for itself and sorts.
"""

from __future__ import annotations

import pytest
from hexi.scheduler.v1 import route_pb2
from hexi_scheduler.domain.hours import HOUR_MS, HOURS
from hexi_scheduler.domain.offer import ClassOffer, LeaseOffer, SiteOffer, SiteStanding
from hexi_scheduler.domain.route.atlas import Position, haversine_km
from hexi_scheduler.domain.route.board import Candidate
from hexi_scheduler.domain.route.cost import CostTerms, stay_of, terms
from hexi_scheduler.domain.route.filters import objections, suitable
from hexi_scheduler.domain.route.room import has_room, within_share
from hexi_scheduler.domain.route.route import HearOffers, Route, Submit
from hexi_scheduler.domain.route.route_policy import RoutePolicy, dated_policy
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.route.step_route import step
from hexi_scheduler.domain.rules import Rules
from hexi_scheduler.domain.tenants import Tenants
from hexi_scheduler.domain.vouchers import Voucher, cover
from hexi_scheduler.domain.workload import Constraints, Demand, Resources, Workload
from hexi_scheduler.wire.choice import choice, choice_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

TOMORROW = "1970-01-02"
POLICY = RoutePolicy(
    "1970-01-01",
    8,
    400_000,
    90_000,
    200,
    8,
    350,
    (("A100", 400),),
    4,
    data_micro_yuan_per_gb=80_000,
    data_micro_yuan_per_gb_in_hub=10_000,
    risk_loss_milli=500,
    domestic_classes=("Ascend-910B",),
)
DEAR = POLICY._replace(effective_from=TOMORROW, energy_micro_yuan_per_kwh=4_000_000)
LANZHOU, QINGYANG = Position(36_061_000, 103_834_000), Position(35_709_000, 107_643_000)

names = st.sampled_from(["a", "b", "c", "d", "e"])
hourly = st.one_of(
    st.just(()), st.lists(st.integers(1_000, 1_900), min_size=24, max_size=24).map(tuple)
)
standings = st.builds(
    SiteStanding,
    st.sampled_from([True, True, True, False]),
    st.sampled_from(["gansu", "ningxia"]),
    st.integers(1, 4),
    st.booleans(),
    st.integers(1_000, 1_500),
    st.integers(0, 600),
    st.sampled_from([(), (("east", 9_000),), (("east", 25_000),)]),
    hourly,
    hourly,
    st.sampled_from([None, LANZHOU, QINGYANG]),
    st.sampled_from(["", "north", "south"]),
    st.sampled_from([0, 10_000, 500_000]),
)


def class_offer(kind: str, free: int, free_max: int, price: int, executor: str) -> ClassOffer:
    devices = 0 if kind == "general" else 4
    return ClassOffer(
        kind,
        executor,
        4,
        0,
        free * 1_000,
        free * 1_024,
        free * 1_000 if devices else 0,
        (free, free // 2, free // 3, free // 4)[:devices],
        min(free, free_max) * 1_000,
        free_max * 1_024,
        8_000,
        8_192,
        devices,
        price,
    )


classes = st.lists(
    st.builds(
        class_offer,
        st.sampled_from(["general", "A100", "Ascend-910B"]),
        st.integers(0, 9),
        st.integers(0, 9),
        st.integers(1, 4),
        st.sampled_from(["fleet", "fleet", "host"]),
    ),
    max_size=3,
    unique_by=lambda c: c[:2],
)
leases = st.sampled_from([(), (LeaseOffer("lease", "t", "A100", 3, 1),)])
offers = st.builds(
    lambda site, revision, standing, c, lease: SiteOffer(
        site, revision, standing, tuple(sorted(c)), lease
    ),
    names,
    st.integers(1, 9),
    standings,
    classes,
    leases,
)
constraints = st.builds(
    Constraints,
    st.sampled_from([(), (), ("a", "b")]),
    st.sampled_from([(), (), ("gansu",)]),
    st.sampled_from([False, False, True]),
    st.sampled_from([0, 0, 3]),
    st.sampled_from(["", "", "east"]),
    st.just(20_000),
    st.sampled_from(["fleet", "fleet", "fleet", "host"]),
    st.just(False),
    st.sampled_from([False, False, True]),
    st.sampled_from([0, 0, 1]),
    st.just(0),
    st.just(0),
    st.just(""),
    distance_km_min=st.sampled_from([0, 0, 300]),
    distance_from_site_id=names,
)
demands = st.builds(
    Demand,
    st.builds(
        Resources,
        st.sampled_from([500, 2_000, 7_000]),
        st.sampled_from([64, 2_048]),
        st.integers(0, 4),
        st.sampled_from([1_000, 1_000, 250]),
        st.sampled_from([(), ("A100",)]),
    ),
    st.sampled_from([1, 1, 2, 5]),
    constraints,
    st.sampled_from([0, 0, 2]),
    st.sampled_from(["", "", "lease"]),
    st.sampled_from([(), (("a", 10**12), ("c", 2**60))]),
    st.sampled_from([0, 10**11]),
    st.just("b"),
)

held = st.lists(
    st.builds(
        Voucher,
        st.just("v"),
        st.just("t"),
        st.sampled_from([1, 300, 1_000]),
        st.sampled_from([1, 10**9]),
        st.sampled_from([0, 12 * HOUR_MS]),
        st.sampled_from([16 * HOUR_MS, 99 * HOUR_MS]),
        st.sampled_from([(), ("A100",), ("general",)]),
        st.sampled_from([(), ("a", "c"), ("z",)]),
    ),
    max_size=2,
).map(lambda said: Rules(tenants=Tenants(vouchers={"t": tuple(said)} if said else {})))


def reference(router: Router, workload: Workload, at_ms: int) -> list[Candidate]:
    """Site by site."""
    policy, around, demand = router.policy, router.around, workload.demand
    stay = stay_of(workload, policy, at_ms)
    found: list[Candidate] = []
    for site_id, site in router.offers.items():
        if not objections(site, demand, workload.tenant_id, around):
            for choice in suitable(site, demand, workload.tenant_id, around):
                cost = terms(policy, around.atlas, site, choice, demand, stay).total
                place = site_id, choice.offer.class_id
                vouchers = () if demand.lease_id else router.rules.tenants.vouchers.get("t", ())
                unit_slots = demand.units * stay.slots
                paid = cover(vouchers, place, choice.price_micro_yuan, unit_slots, at_ms)
                found.append((cost - paid.micro_yuan, *place, choice))
    return sorted(found, key=lambda candidate: candidate[:3])


def first_with_room(router: Router, ranked: list[Candidate], demand: Demand) -> Candidate | None:
    roomy = [c for c in ranked if has_room(c[3], demand, router.debit(c))]
    partitions = router.policy.partitions
    own = [c for c in roomy if within_share(c[3], demand, router.debit(c), partitions)]
    return (own or roomy or [None])[0]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(offers, min_size=1, max_size=5), min_size=1, max_size=3),
    st.lists(demands, min_size=1, max_size=3),
    st.integers(0, 48),
    st.sampled_from([0, 1_800, 14_400, 400_000]),
    held,
)
def test_the_columns_rank_and_choose_as_one_by_one(
    heard: list[list[SiteOffer]], asked: list[Demand], hour: int, run_s: int, rules: Rules
) -> None:
    router = Router(POLICY._replace(later=(DEAR,)), rules)
    at_ms = hour * HOUR_MS + 7
    for number, said in enumerate(heard):
        step(router, HearOffers(tuple(said)), at_ms)
        for demand in asked * 2:
            workload = Workload(f"w{number}", "t", demand, duration_s=run_s)
            ranked = router.candidates(workload, at_ms)
            expected = reference(router, workload, at_ms)
            assert list(ranked) == expected
            cheapest = router.cheapest(workload, at_ms)
            assert cheapest == first_with_room(router, expected, demand)
            if cheapest is not None:
                without = frozenset({cheapest[1]})
                rest = [c for c in expected if c[1] not in without]
                assert router.cheapest(workload, at_ms, without) == first_with_room(
                    router, rest, demand
                )
        for number_too, demand in enumerate(asked):
            name = f"{number} {number_too}"
            step(router, Submit((Workload(name, "t", demand),)), at_ms)


@settings(max_examples=60, deadline=None)
@given(st.lists(offers, min_size=1, max_size=5), demands, st.integers(0, 23), held)
def test_the_cheapest_start_is_that_of_the_ranking_at_that_hour(
    heard: list[SiteOffer], demand: Demand, hour: int, rules: Rules
) -> None:
    router = Router(POLICY, rules)
    workload = Workload("w", "t", demand, duration_s=7_200)
    step(router, HearOffers(tuple(heard)), 0)

    starts = router.board.starts(workload, hour * HOUR_MS)

    for wait, key in enumerate(starts):
        later = reference(router, workload, (hour + wait) * HOUR_MS)
        assert router.board.candidate(key, workload)[:3] == later[0][:3]
    assert len(starts) == (HOURS if router.candidates(workload, 0) else 0)


def test_each_term_is_kept_apart() -> None:
    standing = SiteStanding(
        True, "gansu", pue_milli=1_250, carbon_g_per_kwh=500, hub="north", failure_ppm=100_000,
        latencies_us=(("east", 9_000),),
    )  # fmt: skip
    here = SiteOffer("a", 1, standing, (class_offer("A100", 8, 8, 900_000, "fleet"),))
    there = SiteOffer("b", 1, standing._replace(hub="south"), ())
    router = Router(POLICY)
    step(router, HearOffers((here, there)), 0)
    wished = Constraints(latency_region="east", latency_us_max=10_000)
    moved = (("a", 10**12), ("b", 10**12))
    demand = Demand(Resources(1_000, 64, 2), constraints=wished, inputs=moved)
    workload = Workload("w", "t", demand, duration_s=9_000)

    (found,) = router.candidates(workload, 0)

    # 400 W for a quarter of an hour at a PUE of 1.25 are 0.125 kWh, and 62.5 g of carbon;
    # a terabyte comes from the other hub, for ten slots of two units.
    energy, carbon, data = 50_000, 5_625, 80_000 * 1_000 // 20
    risk = 50_000 * (900_000 + energy + carbon) // 1_000_000
    expected = CostTerms(900_000, energy, carbon, data, 1_800, risk)
    (key,) = router.board.ranking(workload, 0).keys.tolist()
    assert router.board.terms(key, workload, 0) == expected
    assert found[0] == expected.total


def test_the_weights_of_the_day_are_used() -> None:
    router = Router(POLICY._replace(later=(DEAR,)))
    a100 = class_offer("A100", 8, 8, 1, "fleet")
    offered = SiteOffer("a", 1, SiteStanding(True, pue_milli=1_000), (a100,))
    step(router, HearOffers((offered,)), 0)
    workload = Workload("w", "t", Demand(Resources(1_000, 64, 1)))

    before = router.candidates(workload, 16 * HOUR_MS - 1)[0][0]
    after = router.candidates(workload, 16 * HOUR_MS)[0][0]  # midnight in Shanghai

    assert (before, after) == (1 + 40_000, 1 + 400_000)
    assert router.policy.effective_from == TOMORROW


def test_distances_are_those_of_the_map() -> None:
    assert haversine_km(LANZHOU, QINGYANG) == 345
    assert haversine_km(LANZHOU, LANZHOU) == 0


def test_a_policy_file_may_hold_several_dates_and_nothing_unknown() -> None:
    first = {"effective_from": "2026-01-01", "weights": {"attempts_max": {"value": 8}}}
    weights = {name: {"value": 1} for name in RoutePolicy._fields[2:7]}
    first["weights"] |= weights
    second = {
        "effective_from": "2026-11-21",
        "weights": {"unit_power_w": {"value": {"T4": 70, "A100": 400}}},
    }

    policy = dated_policy([first, second])

    in_force = policy.at(1_795_190_400_000)
    assert in_force.unit_power_w == (("A100", 400), ("T4", 70))
    assert in_force.attempts_max == 8
    assert policy.at(1_795_190_399_999) == policy
    unknown = {"effective_from": "2027-01-01", "weights": {"attempts": {"value": 8}}}
    for wrong in ([], [second, first], [first, first], [first, unknown]):
        with pytest.raises(ValueError, match="expected"):
            dated_policy(wrong)


def test_more_devices_than_any_server_has_find_nothing() -> None:
    router = Router(POLICY)
    a100 = class_offer("A100", 8, 8, 1, "fleet")
    step(router, HearOffers((SiteOffer("a", 1, SiteStanding(True), (a100,)),)), 0)

    for devices in (5, 64, 65, 10**6):
        workload = Workload("w", "t", Demand(Resources(1_000, 64, devices)))
        assert router.cheapest(workload, 0) is None


def test_a_price_beyond_all_sense_is_the_last_choice_and_breaks_nothing() -> None:
    router = Router(POLICY)
    dear, cheap = (class_offer("A100", 8, 8, price, "fleet") for price in (2**62, 1))
    lease = LeaseOffer("lease", "t", "A100", 3, 2**62)
    sites = [SiteOffer("a", 1, SiteStanding(True), (dear,), (lease,))]
    sites.append(SiteOffer("b", 1, SiteStanding(True), (cheap,)))
    step(router, HearOffers(tuple(sites)), 0)
    demand = Demand(Resources(1_000, 64, 1))

    ranked = router.candidates(Workload("w", "t", demand), 0)
    leased = router.candidates(Workload("x", "t", demand._replace(lease_id="lease")), 0)

    assert [site_id for _, site_id, _, _ in ranked] == ["b", "a"]
    assert [site_id for _, site_id, _, _ in leased] == ["a"]


def test_a_choice_names_the_date_of_its_weights_and_reads_back() -> None:
    router = Router(POLICY)
    a100 = class_offer("A100", 8, 8, 1, "fleet")
    step(router, HearOffers((SiteOffer("a", 1, SiteStanding(True), (a100,)),)), 0)

    (route,) = step(router, Submit((Workload("w", "t", Demand(Resources(1_000, 64, 1))),)), 0)

    assert isinstance(route, Route)
    assert route.choice is not None
    assert route.choice.policy_effective_from == POLICY.effective_from
    assert choice(route_pb2.Choice.FromString(choice_bytes(route.choice))) == route.choice
