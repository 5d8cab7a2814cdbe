"""Goal: a route records why its site was chosen, as of the decision. Method: against all sites."""

from __future__ import annotations

from hexi_scheduler.domain.offer import ClassOffer, SiteOffer, SiteStanding
from hexi_scheduler.domain.route.cost import stay_of, terms
from hexi_scheduler.domain.route.filters import Suitable
from hexi_scheduler.domain.route.route import HearOffers, Route, RouteState, Submit
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.route.step_route import step
from hexi_scheduler.domain.workload import Constraints, Demand, Resources, Workload
from hexi_scheduler.settings import route_policy
from hexi_scheduler.wire import route as wire
from hexi_scheduler.wire.workload import WorkloadReader
from hypothesis import given
from hypothesis import strategies as st

NOW_MS = 1_800_000_000_000
DEMAND = Demand(Resources(1_000, 512))

sites = st.lists(
    st.tuples(st.integers(1, 5), st.integers(1_000, 1_500), st.booleans()), min_size=1, max_size=9
)


def offer(name: str, price: int, pue_milli: int, roomy: bool, revision: int = 1) -> SiteOffer:
    free = 16_000 if roomy else 0
    general = ClassOffer(
        "general",
        servers=4,
        cpu_milli_free=free * 4,
        memory_mib_free=4_096,
        cpu_milli_free_max=free,
        memory_mib_free_max=1_024,
        cpu_milli_largest=16_000,
        memory_mib_largest=1_024,
        price_micro_yuan=price,
    )
    standing = SiteStanding(True, "gansu", pue_milli=pue_milli)
    return SiteOffer(name, revision, standing, (general,))


def submit(router: Router, name: str = "w") -> Route:
    (route,) = step(router, Submit((Workload(name, "t", DEMAND),)), NOW_MS)
    assert isinstance(route, Route)
    return route


@given(sites)
def test_the_chosen_site_stands_before_the_next_three_with_room(
    said: list[tuple[int, int, bool]],
) -> None:
    offers = [offer(f"s{number}", *one) for number, one in enumerate(said)]
    router = Router(route_policy())
    step(router, HearOffers(tuple(offers)), NOW_MS)

    route = submit(router)

    policy = router.policy
    stay = stay_of(route.workload, policy, NOW_MS)
    costs = {
        o.site_id: terms(
            policy,
            router.around.atlas,
            o,
            Suitable(o.classes[0], o.classes[0].price_micro_yuan, None),
            DEMAND,
            stay,
        )
        for o in offers
    }
    order = sorted(costs, key=lambda name: (costs[name].total, name))
    roomy = [name for name in order if said[int(name[1:])][2]]
    if not roomy:
        assert route.state is RouteState.WAITING
        assert route.choice is None
        return
    assert route.choice is not None
    assert [score.site_id for score in route.choice.scores] == roomy[:4]
    assert all(score.terms == costs[score.site_id] for score in route.choice.scores)
    assert route.choice.scores[0].terms.total == route.cost_micro_yuan
    full = route.choice.cheapest_full
    if full is None:
        assert costs[order[0]].total == route.cost_micro_yuan
    else:
        assert full.site_id == order[0]
        assert not said[int(order[0][1:])][2]


def test_it_survives_its_journal() -> None:
    router = Router(route_policy())
    offers = (offer("a", 1, 1_100, False), offer("b", 2, 1_200, True), offer("c", 3, 1_100, True))
    step(router, HearOffers(offers), NOW_MS)
    reader = WorkloadReader()
    route = submit(router)

    ((_, value),) = wire.entries([route], 0, 7)
    assert value is not None
    read = wire.entry(value, reader)

    assert isinstance(read, Route)
    assert route.choice is not None
    assert read.choice == route.choice
    assert read.choice.cheapest_full is not None
    assert read.choice.cheapest_full.site_id == "a"


def test_equal_demands_share_one_comparison_until_a_site_says_something_new() -> None:
    router = Router(route_policy())
    step(router, HearOffers((offer("a", 1, 1_100, True),)), NOW_MS)

    first, second = submit(router, "one"), submit(router, "two")
    step(router, HearOffers((offer("a", 2, 1_100, True, revision=2),)), NOW_MS)
    third = submit(router, "three")

    assert first.choice is second.choice
    assert third.choice is not None
    assert third.choice.scores[0].terms.price == 2


def test_each_score_says_whether_its_latency_was_measured() -> None:
    router = Router(route_policy())
    near = SiteStanding(True, latencies_us=(("east", 3_000),), latency_measured=("east",))
    far = SiteStanding(True, latencies_us=(("east", 9_000),))
    offers = (offer("a", 1, 1_100, True), offer("b", 1, 1_100, True))
    told = [one._replace(standing=s) for one, s in zip(offers, (near, far), strict=True)]
    step(router, HearOffers(tuple(told)), NOW_MS)
    asked = Constraints(latency_region="east", latency_us_max=20_000)
    workload = Workload("w", "t", Demand(Resources(1_000, 512), constraints=asked))

    (route,) = step(router, Submit((workload,)), NOW_MS)

    assert isinstance(route, Route)
    assert route.choice is not None
    assert [score[3:5] for score in route.choice.scores] == [(3_000, True), (9_000, False)]
    ((_, value),) = wire.entries([route], 0, 7)
    assert value is not None
    read = wire.entry(value, WorkloadReader())
    assert isinstance(read, Route)
    assert read.choice == route.choice
