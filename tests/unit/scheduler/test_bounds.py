"""Constraints in PLACE. Method: random small fleets and gangs against every way to lay them out."""

from __future__ import annotations

from collections import Counter
from itertools import combinations_with_replacement

from hexi_scheduler.domain.closures import RackPower
from hexi_scheduler.domain.facts import Server, ServerSet, SiteFacts
from hexi_scheduler.domain.keep import HeadroomRules, KeepRules, SpareRules
from hexi_scheduler.domain.place.bounds import UNBOUND, bounds_of
from hexi_scheduler.domain.place.closure_commands import MeasureRacks
from hexi_scheduler.domain.place.place_commands import Place, PlaceItem, Release
from hexi_scheduler.domain.place.policy import BestFit
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.step_place import step
from hexi_scheduler.domain.placement import Placement, PlacementState
from hexi_scheduler.domain.priority import Priorities, PriorityClass
from hexi_scheduler.domain.rules import NO_RULES, Rules
from hexi_scheduler.domain.workload import Constraints, Demand, Resources, Workload
from hypothesis import given, settings
from hypothesis import strategies as st

NOW_MS = 1_800_000_000_000
FACTS = SiteFacts(1, True, "gansu", 3, True, 1_200, 200)
PLAIN = Constraints()
FEEDS = (("r0", "a"), ("r1", "a"), ("r2", "b"))


def site_of(servers: list[Server], **more: object) -> Site:
    site = Site("s")
    step(site, FACTS, NOW_MS, BestFit())
    step(site, ServerSet(1, tuple(servers), feeds=FEEDS, **more), NOW_MS, BestFit())
    return site


def server(rack: int, devices: int) -> Server:
    return Server(f"r{rack}", "A100", "fleet", 64_000, 65_536, devices)


def place(
    site: Site,
    name: str,
    constraints: Constraints = PLAIN,
    replicas: int = 1,
    devices: int = 1,
    **more: object,
) -> Placement:
    rules = more.pop("rules", NO_RULES)
    demand = Demand(Resources(1_000, 1, devices), replicas, constraints)
    tenant = more.pop("tenant_id", "t")
    rescued = bool(more.pop("rescued", False))
    workload = Workload(name, tenant, demand, **more)
    item = PlaceItem(name, 1, workload, rescued=rescued)
    events = step(site, Place((item,)), NOW_MS, BestFit(), rules)
    return next(event for event in events if isinstance(event, Placement))


servers = st.lists(st.builds(server, st.integers(0, 2), st.integers(1, 4)), min_size=1, max_size=5)


@given(servers, st.integers(2, 5), st.integers(1, 2), st.tuples(*[st.integers(0, 3)] * 3))
@settings(max_examples=300, deadline=None)
def test_a_spread_gang_fits_exactly_when_some_layout_does(fleet, replicas, devices, most) -> None:
    site = site_of(fleet)
    asked = Constraints(
        replicas_per_server_max=most[0],
        replicas_per_rack_max=most[1],
        replicas_per_feed_max=most[2],
    )

    placed = place(site, "gang", asked, replicas, devices)

    feed_of = dict(FEEDS)
    racks = [s.rack for s in fleet]

    def holds(layout: tuple[int, ...]) -> bool:
        counts = Counter(layout)
        return all(n * devices <= fleet[s].accelerators for s, n in counts.items()) and all(
            not bound or max(Counter(map(key, layout)).values()) <= bound
            for bound, key in zip(
                most, (int, lambda s: racks[s], lambda s: feed_of[racks[s]]), strict=True
            )
        )

    layouts = combinations_with_replacement(range(len(fleet)), replicas)
    assert placed.live == any(map(holds, layouts))
    if placed.live:
        assert holds(tuple(a.server for a in placed.allocations))


@given(
    servers,
    st.lists(
        st.tuples(
            st.sampled_from(["t0", "t1", "t2"]),
            st.booleans(),
            st.sampled_from(["", "g"]),
            st.booleans(),
        ),
        max_size=12,
    ),
)
@settings(max_examples=300, deadline=None)
def test_isolated_work_is_alone_and_nothing_is_declined_without_need(fleet, asked) -> None:
    site = site_of(fleet)
    there: dict[int, list[tuple[str, bool, str]]] = {n: [] for n in range(len(fleet))}

    def open_to(tenant: str, isolated: bool, group: str, number: int) -> bool:
        others = [who for who, _, _ in there[number] if who != tenant]
        shut = any(alone for who, alone, _ in there[number] if who != tenant)
        grouped = group and any(w == tenant and g == group for w, _, g in there[number])
        free = len(there[number]) < fleet[number].accelerators
        return free and not shut and not grouped and not (isolated and others)

    for count, (tenant, isolated, group, leaves) in enumerate(asked):
        wish = Constraints(tenant_isolation=isolated, anti_affinity_group=group)
        can = [n for n in there if open_to(tenant, isolated, group, n)]
        placed = place(site, f"w{count}", wish, tenant_id=tenant)

        assert placed.live == bool(can)
        if not placed.live:
            continue
        (part,) = placed.allocations
        assert part.server in can
        if leaves:
            step(site, Release(f"w{count}", "enough"), NOW_MS, BestFit())
        else:
            there[part.server].append((tenant, isolated, group))


def test_work_without_constraints_in_a_plain_site_is_bound_by_nothing() -> None:
    site = site_of([server(0, 4)])

    assert bounds_of(site, Workload("w", "t", Demand(Resources(1, 1))), NOW_MS, NO_RULES) is UNBOUND


def test_a_misrouted_workload_is_declined_with_the_reason() -> None:
    site = site_of([server(0, 4)])
    step(site, FACTS._replace(revision=2, state_owned_cloud=False), NOW_MS, BestFit())

    for wish, reason in (
        (Constraints(state_owned_cloud=True), "the site is not of the state-owned cloud"),
        (Constraints(security_grade_min=4), "the site has security grade 3 < 4"),
        (Constraints(regions=("tibet",)), "the site is in region gansu"),
        (Constraints(site_ids=("other",)), "the site is not among those named"),
    ):
        placed = place(site, reason, wish)
        assert (placed.state, placed.reason) == (PlacementState.DECLINED, reason)


def test_who_is_declined_learns_how_many_servers_were_kept_apart() -> None:
    site = site_of([server(0, 4), server(1, 4), server(2, 4)])
    for name, tenant_id in (("a", "t0"), ("b", "t1")):
        place(site, name, Constraints(tenant_isolation=True), tenant_id=tenant_id)

    declined = place(site, "big", replicas=5)

    assert declined.why_not is not None
    assert ("kept_apart", 0, 2) in declined.why_not.filters


def test_spare_is_left_by_all_but_those_named_and_the_rescued() -> None:
    spare = SpareRules(priority_min=700, share_milli=(("A100", 250),))
    rules = Rules(keep=KeepRules(spare))
    site = site_of([server(0, 4), server(1, 4)])

    placed = [place(site, f"w{n}", rules=rules).live for n in range(8)]

    assert placed == [True] * 6 + [False] * 2
    assert place(site, "urgent", rules=rules, priority=700).live
    assert place(site, "saved", rules=rules, rescued=True).live
    assert not place(site, "more", rules=rules, priority=700).live


def test_an_estimate_keeps_a_rack_within_its_power_and_fades_into_the_measurement() -> None:
    headroom = HeadroomRules(1_000, 600_000, (("A100", 400),))
    rules = Rules(keep=KeepRules(headroom=headroom))
    site = site_of([server(0, 4), server(2, 4)], rack_limits_w=(("r0", 2_000), ("r2", 0)))
    only_r0 = Constraints(replicas_per_rack_max=8)
    step(site, MeasureRacks((RackPower("r0", 1_000), RackPower("r2", 9_000)), NOW_MS), 0, BestFit())

    placed = [place(site, f"w{n}", only_r0, rules=rules).allocations[0].server for n in range(4)]

    assert sorted(placed) == [0, 0, 1, 1]  # two of 400 W fit beside 1,000 W of 2,000 W
    budget = site.keeping.budget(headroom, site.placements.values())
    demand = Demand(Resources(1_000, 1, 1))
    assert [int(budget.left(demand, NOW_MS + ms)[0]) for ms in (0, 300_000, 600_000)] == [0, 1, 2]


def test_a_quantum_device_is_given_whole_to_one_after_another_by_class_and_age() -> None:
    site = site_of([Server("r0", "quantum-tianyan", "fleet", 8_000, 8_192, 1), server(1, 4)])
    priorities = Priorities((PriorityClass("low"), PriorityClass("high", 100)))
    rules = Rules(priorities)

    def ask(name: str, age: int, priority: int = 0) -> Placement:
        asked = Resources(1_000, 1, 1, models=("quantum-tianyan",))
        workload = Workload(name, "t", Demand(asked), priority, submitted_at_ms=age)
        events = step(site, Place((PlaceItem(name, 1, workload),)), NOW_MS, BestFit(), rules)
        return next(event for event in events if isinstance(event, Placement))

    assert [ask("a", 1).state, ask("b", 3).state, ask("c", 2).state, ask("d", 4, 100).state] == [
        PlacementState.PLACED,
        *[PlacementState.CLAIMED] * 3,
    ]
    served = []
    for name in ("a", "d", "c", "b"):
        events = step(site, Release(name, "done"), NOW_MS, BestFit(), rules)
        served += [e.placement_id for e in events if isinstance(e, Placement) and e.live]
    assert served == ["d", "c", "b"]

    anything = place(site, "any")
    assert anything.allocations[0].server == 1
    assert not Demand(Resources(1, 1, 1, 500, ("quantum-tianyan",))).accepts_class(
        "quantum-tianyan"
    )
