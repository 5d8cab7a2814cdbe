"""What a site learns is a function of its journal: a rebuilt site decides on as the old one would
have; prices and values are what small cases worked out by hand say."""

from __future__ import annotations

import os

from hexi_kit import ids
from hexi_scheduler.domain.facts import Server, ServerSet, SiteFacts
from hexi_scheduler.domain.packing.bids import bids
from hexi_scheduler.domain.packing.mix import Arrivals, MixLearned, Seen, Shape
from hexi_scheduler.domain.packing.values import device_values, values_by_step
from hexi_scheduler.domain.place.place_commands import Place, PlaceCommand, PlaceItem, Release, Tick
from hexi_scheduler.domain.place.place_events import PlaceEvent
from hexi_scheduler.domain.place.policy import Packing
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.step_place import step
from hexi_scheduler.domain.placement import Placement, PlacementState
from hexi_scheduler.domain.workload import WHOLE, Demand, Resources, Workload
from hexi_scheduler.settings import packing_rules
from hypothesis import given, settings
from hypothesis import strategies as st

RULES = packing_rules()._replace(first_arrivals=4, interval_arrivals_min=6)
POLICY = Packing(RULES)
FACTS = SiteFacts(1, True, "gansu")
FLEET = tuple(
    Server("r", ("T4", "A100", "general")[n % 3], "fleet", 16_000, 65_536, (2, 4, 0)[n % 3])
    for n in range(30)
)
SHAPES = (
    Resources(1_000, 1_000),
    Resources(2_000, 1_000, 1, 250),
    Resources(1_000, 2_000, 1, 500, ("T4",)),
    Resources(4_000, 4_000, 1, WHOLE),
    Resources(8_000, 4_000, 4, WHOLE),
)
RANDOM_COMMANDS = 1_000_000 if os.environ.get("HEXI_CHAOS") == "long" else 20_000


def site() -> Site:
    made = Site("s")
    for told in (FACTS, ServerSet(1, FLEET)):
        step(made, told, 0, POLICY)
    return made


def command(number: int, draw: int) -> PlaceCommand:
    if draw % 4 == 3:
        return Release(f"p{draw % max(1, number)}", "")
    demand = Demand(SHAPES[draw % len(SHAPES)], replicas=2 if draw % 11 == 0 else 1)
    return Place((PlaceItem(f"p{number}", 1, Workload(f"w{number}", "t", demand)),))


@settings(max_examples=15, deadline=None)
@given(
    draws=st.lists(st.integers(0, 1_000), min_size=10, max_size=40),
    cut=st.integers(1, 39),
    pace=st.sampled_from([1, 3, 400_000]),
)
def test_a_rebuilt_site_decides_on_alike(draws: list[int], cut: int, pace: int) -> None:
    old, journal = site(), list[PlaceEvent]([FACTS, ServerSet(1, FLEET)])
    for number, draw in enumerate(draws):
        if number == cut:
            rebuilt = Site("s")
            for event in journal:
                rebuilt.apply(event)
            assert (rebuilt.mix, rebuilt.arrivals) == (old.mix, old.arrivals)
            new_events = [
                e for n, d in enumerate(draws[cut:], cut) for e in _both(rebuilt, n, d, pace)
            ]
            old_events = [e for n, d in enumerate(draws[cut:], cut) for e in _both(old, n, d, pace)]
            assert new_events == old_events
            return
        journal.extend(_both(old, number, draw, pace))


def _both(of: Site, number: int, draw: int, pace: int) -> list[PlaceEvent]:
    at_ms = 1 + number * pace
    return [
        *step(of, command(number, draw), at_ms, POLICY),
        *step(of, Tick(at_ms), at_ms, POLICY),
    ]


def test_random_commands_never_over_allocate() -> None:
    of, dice, live = site(), ids.seeded(5), dict[str, Placement]()
    for number in range(RANDOM_COMMANDS):
        for event in step(of, command(number, dice.randrange(1_000)), number, POLICY):
            if isinstance(event, Placement):
                live[event.placement_id] = event
                if not event.live:
                    del live[event.placement_id]
        cells = of.capacity.columns.cells
        if number % 100 == 0:
            assert cells[:, :2].min() >= 0
            assert cells[:, 10:].max() <= WHOLE
    for server, said in enumerate(FLEET):
        parts = [
            (part, placement.workload.demand.resources)
            for placement in live.values()
            for part in placement.allocations
            if part.server == server
        ]
        cpu, memory, devices = of.capacity.free(server)
        assert cpu == said.cpu_milli - sum(asked.cpu_milli for _, asked in parts)
        assert memory == said.memory_mib - sum(asked.memory_mib for _, asked in parts)
        used = sum(part.device_milli * len(part.devices) for part, _ in parts)
        assert sum(devices) == said.accelerators * WHOLE - used
        assert min(devices, default=0) >= 0


def test_what_came_at_the_moment_of_learning_waits_for_the_next_time() -> None:
    came, demand = Arrivals(), Demand(SHAPES[0], replicas=3)
    for at_ms in (5, 7, 7, 6):
        came.count(demand, at_ms)
    assert (came.before(7), came.before(8)) == (6, 12)

    came.fold(7)

    assert (came.before(7), came.before(8), came.oldest_ms()) == (0, 6, 7)


def test_learning_comes_at_each_doubling_first() -> None:
    of, learned = site(), []
    policy = Packing(RULES._replace(interval_arrivals_min=1_000))
    for number in range(40):
        place = Place((PlaceItem(f"p{number}", 1, Workload("w", "t", Demand(SHAPES[0]))),))
        events = step(of, place, number, policy)
        learned += [event for event in events if isinstance(event, MixLearned)]

    assert [(mix.generation, mix.arrivals) for mix in learned] == [(1, 4), (2, 8), (3, 16), (4, 32)]
    assert sum(one.came for one in learned[-1].seen) == learned[-1].arrivals * 256


def test_work_that_has_no_other_pool_makes_its_pool_dear() -> None:
    of = site()
    pools = [
        (pool, of.capacity.kinds[kind].accelerators) for kind, pool in of.capacity.pools.items()
    ]
    anywhere, bound = Shape(1_000, 1, WHOLE), Shape(1_000, 1, WHOLE, ("T4",))

    found = bids((Seen(anywhere, 60), Seen(bound, 40)), pools, RULES)
    price = {bid.class_id: bid.device for bid in found}

    assert price["T4"] > price["A100"] >= 0
    assert bids((), pools, RULES) == ()
    assert bids((Seen(Shape(1_000, 0, 0), 9),), pools, RULES) == ()


def test_a_share_is_worth_what_no_other_share_would_give() -> None:
    halves_and_a_few_odd = (Seen(Shape(1, 1, 500), 80), Seen(Shape(1, 1, 700), 20))

    values = dict(device_values(halves_and_a_few_odd, 10_000))

    # 700 leaves 300 that nobody wants: its device is worth no more than two halves.
    assert values[500] >= values[700] * 500 // 1_000
    worth = values_by_step(((300, 300_000), (500, 400_000)), 101, 10)
    assert [int(worth[steps]) for steps in (29, 30, 50, 60, 80, 100)] == [
        0,
        300,
        400,
        600,
        700,
        900,
    ]
    assert device_values((Seen(Shape(1_000, 0, 0), 5),), 1_000) == ()


def test_a_pool_with_room_takes_work_without_accelerators_when_the_general_one_is_full() -> None:
    of = site()
    most = [
        Place((PlaceItem(f"g{n}", 1, Workload(f"g{n}", "t", Demand(Resources(16_000, 0)))),))
        for n in range(30)
    ]

    events = [step(of, said, n, POLICY)[0] for n, said in enumerate(most)]

    placed = [e for e in events if isinstance(e, Placement) and e.state is PlacementState.PLACED]
    classes = [FLEET[e.allocations[0].server].class_id for e in placed]
    assert classes[:10] == ["general"] * 10
    assert "general" not in classes[10:] and len(classes) == 30
    assert {e.class_id for e in placed} == {"general"}
