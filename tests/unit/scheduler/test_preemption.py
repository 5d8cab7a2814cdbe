"""Who has to go for more urgent work: one situation each, on one small site."""

from __future__ import annotations

from typing import Any

import pytest
from hexi_scheduler.domain.facts import Reservation, Server, ServerSet, SiteFacts
from hexi_scheduler.domain.owed import SLOT_MS
from hexi_scheduler.domain.place.place_commands import Place, PlaceItem
from hexi_scheduler.domain.place.place_events import PreemptionCounted
from hexi_scheduler.domain.place.policy import BestFit
from hexi_scheduler.domain.place.preempt import HOUR_MS
from hexi_scheduler.domain.place.run_report import ReportRuns, RunReport
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.step_place import step
from hexi_scheduler.domain.placement import Placement, PlacementState
from hexi_scheduler.domain.rules import PreemptionBudget, Rules
from hexi_scheduler.domain.workload import Demand, Resources, Workload
from hexi_scheduler.settings import fair_rules

START_MS = 2_000_000 * SLOT_MS
MINUTE_MS = 60_000
SPOT, STANDARD, PRODUCTION = 0, 150, 450
RULES = fair_rules()
FACTS = SiteFacts(1, True, "gansu", 3, False, 1_200, 300, (("A100", 900),))


class Here:
    """A site of servers with four accelerators; what is placed starts at once."""

    def __init__(self, servers: int = 1, rules: Rules = RULES) -> None:
        self.site, self.rules = Site("s"), rules
        fleet = tuple(Server("r", "A100", "fleet", 64_000, 65_536, 4) for _ in range(servers))
        step(self.site, FACTS, START_MS, BestFit())
        step(self.site, ServerSet(1, fleet), START_MS, BestFit())

    def run(self, name: str, devices: int, at_min: int = 0, **how: Any) -> PlacementState:
        at_ms = START_MS + at_min * MINUTE_MS
        self.place(name, devices, at_min, **how)
        report = RunReport(name, True, False, at_ms)
        step(self.site, ReportRuns((report,)), at_ms, BestFit(), self.rules)
        return self.site.placements[name].state

    def place(self, name: str, devices: int, at_min: int = 0, **how: Any) -> list[Any]:
        flags = {flag: how.pop(flag, False) for flag in ("preempt", "claim", "borrowed")}
        demand = Demand(
            Resources(1_000, 64, devices, how.pop("milli", 1_000)),
            how.pop("replicas", 1),
            lease_id=how.pop("lease_id", ""),
        )
        tenant = how.pop("tenant", "t")
        workload = Workload(name, tenant, demand, submitted_at_ms=START_MS, **how)
        place = Place((PlaceItem(name, 1, workload, **flags),))
        return step(self.site, place, START_MS + at_min * MINUTE_MS, BestFit(), self.rules)

    def gone(self) -> dict[str, int]:
        evicted = PlacementState.EVICTED
        placements = self.site.placements.values()
        return {p.placement_id: p.wasted_accelerator_ms for p in placements if p.state is evicted}


def test_the_lowest_class_goes_first_whatever_it_has_done() -> None:
    here = Here()
    here.run("old-spot", 2, priority=SPOT)
    here.run("new-standard", 2, 50, priority=STANDARD, interruptible=True)

    here.place("urgent", 2, 60, priority=PRODUCTION, preempt=True)

    assert here.gone() == {"old-spot": 2 * 60 * MINUTE_MS}
    assert here.site.placements["old-spot"].reason == "preempted by urgent"
    assert here.site.placements["urgent"].state is PlacementState.PLACED


def test_within_a_class_who_loses_least_goes_first_and_a_checkpoint_counts() -> None:
    here = Here()
    here.run("saved", 2, priority=SPOT, checkpoint_interval_s=900)
    here.run("young", 2, 55, priority=SPOT)

    here.place("urgent", 2, 61, priority=PRODUCTION, preempt=True)

    # One minute since its checkpoint against six since the other's start.
    assert here.gone() == {"saved": 2 * MINUTE_MS}


def test_nobody_goes_in_vain() -> None:
    here = Here()
    for number in range(4):
        here.run(f"small-{number}", 1, number, priority=SPOT)

    here.place("urgent", 3, 60, priority=PRODUCTION, preempt=True)
    assert set(here.gone()) == {"small-1", "small-2", "small-3"}

    here.place("too-large", 4, 61, priority=PRODUCTION, preempt=True)
    assert here.site.placements["too-large"].state is PlacementState.DECLINED
    assert set(here.gone()) == {"small-1", "small-2", "small-3"}


def test_a_gang_goes_as_a_whole_and_only_where_one_must() -> None:
    here = Here(servers=3)
    here.run("gang", 4, 0, replicas=2, priority=SPOT)
    here.run("single", 4, 0, priority=SPOT)

    here.place("urgent", 4, 30, priority=PRODUCTION, preempt=True)
    assert set(here.gone()) == {"single"}

    here.place("large", 4, 31, priority=PRODUCTION, preempt=True, replicas=2)
    assert set(here.gone()) == {"single", "gang"}
    assert not here.site.capacity.free(0)[2].count(1_000)


@pytest.mark.parametrize(
    "how",
    [
        {"priority": PRODUCTION},
        {"priority": 600},
        {"priority": STANDARD},
        {"priority": SPOT, "lease_id": "lease"},
    ],
    ids=["same class", "same class, higher number", "not interruptible", "leased"],
)
def test_who_never_yields(how: dict[str, Any]) -> None:
    here = Here()
    lease = Reservation("lease", "t", "A100", 4, START_MS, START_MS + 8 * SLOT_MS, 5)
    if "lease_id" in how:
        step(here.site, lease, START_MS, BestFit())
    here.run("first", 4, **how)

    here.place("urgent", 4, 1, priority=PRODUCTION, preempt=True)

    assert here.site.placements["urgent"].state is PlacementState.DECLINED
    assert here.site.placements["first"].state is PlacementState.STARTED


def test_who_draws_on_a_lease_comes_before_all_that_yields() -> None:
    here = Here()
    here.run("early", 4, priority=STANDARD, interruptible=True)
    lease = Reservation("lease", "t", "A100", 2, START_MS, START_MS + 8 * SLOT_MS, 5)
    step(here.site, lease, START_MS, BestFit())

    here.place("drawn", 2, 1, priority=SPOT, lease_id="lease")
    assert set(here.gone()) == {"early"}
    # Its two units are drawn, and without a lease it is an ordinary spot workload.
    here.run("late", 2, 2, priority=STANDARD, interruptible=True)
    here.place("more", 1, 3, priority=SPOT, lease_id="lease")
    assert set(here.gone()) == {"early"}


def test_without_the_word_of_route_nobody_goes() -> None:
    here = Here()
    here.run("first", 4, priority=SPOT)

    here.place("urgent", 4, 1, priority=PRODUCTION)

    assert not here.gone()


def test_what_was_borrowed_yields_to_its_owner_but_not_to_the_borrower() -> None:
    here = Here()
    here.run("lent", 4, tenant="borrower", priority=STANDARD, borrowed=True)

    here.place("own", 4, 1, tenant="borrower", priority=STANDARD, preempt=True)
    assert not here.gone()
    here.place("owner", 4, 1, tenant="owner", priority=STANDARD, preempt=True)
    assert set(here.gone()) == {"lent"}


def test_a_tenant_ranks_no_higher_than_its_policy_says() -> None:
    here = Here()
    here.run("public", 4, tenant="gov-services", priority=800)

    # Ordinary tenants may say 950; it makes them production, and the public service ranks higher.
    here.place("pushy", 4, 1, priority=950, preempt=True)

    assert not here.gone()


def test_the_budget_of_the_hour_bounds_what_is_wasted_and_who_suffers() -> None:
    budget = PreemptionBudget(3 * HOUR_MS, 1)
    here = Here(servers=3, rules=RULES._replace(preemption=budget))
    for name in ("one", "two", "three"):
        here.run(name, 4, priority=SPOT)
    urgent = {"priority": PRODUCTION, "preempt": True}

    events = here.place("early", 4, 20, **urgent)
    assert isinstance(events[0], PreemptionCounted)
    assert events[0].wasted_accelerator_ms == 4 * 20 * MINUTE_MS
    assert events[0].victims == (("t", 1),)
    # The tenant has had its victim in this hour.
    here.place("again", 4, 21, **urgent)
    # In the next hour the tenant may be asked again, but more was computed than may be wasted.
    here.place("costly", 4, 61, **urgent)

    assert set(here.gone()) == {"one"}
    states = [here.site.placements[name].state for name in ("early", "again", "costly")]
    assert states == [PlacementState.PLACED, PlacementState.DECLINED, PlacementState.DECLINED]


def test_half_a_preemption_is_completed_and_never_spends_more_than_it_counted() -> None:
    here, twin = Here(servers=2), Here(servers=2)
    for site in (here, twin):
        site.run("one", 4, priority=SPOT)
        site.run("two", 4, priority=SPOT)
    urgent = {"priority": PRODUCTION, "preempt": True, "replicas": 2}

    events = here.place("urgent", 4, 10, **urgent)
    for event in events[:2]:  # the account and the first eviction: then the worker is killed
        twin.site.apply(event)
    again = twin.place("urgent", 4, 10, **urgent)

    assert [type(e) for e in again] == [PreemptionCounted, Placement, Placement]
    assert twin.site.placements["urgent"].allocations == here.site.placements["urgent"].allocations
    assert twin.gone() == here.gone()
    assert twin.site.preempted.wasted_accelerator_ms >= sum(twin.gone().values())
