"""What is kept for large work and for leases, and who may use it meanwhile: one situation each."""

from __future__ import annotations

from typing import Any

import pytest
from hexi_scheduler.domain.facts import (
    Condition,
    Reservation,
    Server,
    ServerSet,
    SiteFacts,
)
from hexi_scheduler.domain.owed import CANCELLED, SLOT_MS, PlaceOutcome, Report
from hexi_scheduler.domain.place.claims import EXPIRED, HOPELESS
from hexi_scheduler.domain.place.leases import START_SLACK_MS, most_before, peaks
from hexi_scheduler.domain.place.place_commands import (
    ChangeCondition,
    Place,
    PlaceCommand,
    PlaceItem,
    Release,
    Tick,
)
from hexi_scheduler.domain.place.policy import BestFit
from hexi_scheduler.domain.place.run_report import ReportRuns, RunReport
from hexi_scheduler.domain.place.shadow import shadow
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.site_offer import offer_of
from hexi_scheduler.domain.place.step_place import step
from hexi_scheduler.domain.placement import Placement, PlacementState
from hexi_scheduler.domain.use import Use
from hexi_scheduler.domain.workload import Constraints, Demand, Resources, Workload
from hexi_scheduler.settings import fair_rules

START_MS = 2_000_000 * SLOT_MS
MINUTE_MS = 60_000
RULES = fair_rules()
FACTS = SiteFacts(1, True, "gansu", 3, False, 1_200, 300, (("A100", 900),))


class Here:
    """A site of servers with two accelerators; what is placed starts at once."""

    def __init__(self, servers: int) -> None:
        self.site = Site("s")
        self.tell(FACTS)
        self.adopt(servers)

    def adopt(self, servers: int, revision: int = 1) -> None:
        one = Server("r", "A100", "fleet", 64_000, 65_536, 2)
        self.tell(ServerSet(revision, (one,) * servers))

    def tell(self, command: PlaceCommand, at_min: int = 0) -> list[Any]:
        return step(self.site, command, START_MS + at_min * MINUTE_MS, BestFit(), RULES)

    def tick(self, at_min: int) -> list[Any]:
        return self.tell(Tick(START_MS + at_min * MINUTE_MS), at_min)

    def run(self, name: str, devices: int, at_min: int = 0, **how: Any) -> PlacementState:
        claim, lease_id = how.pop("claim", False), how.pop("lease_id", "")
        resources = Resources(1_000, 64, devices, how.pop("milli", 1_000))
        asked = how.pop("constraints", Constraints())
        demand = Demand(resources, how.pop("replicas", 1), asked, lease_id=lease_id)
        workload = Workload(name, "t", demand, submitted_at_ms=START_MS, **how)
        self.tell(Place((PlaceItem(name, 1, workload, claim=claim),)), at_min)
        at_ms = START_MS + at_min * MINUTE_MS
        self.tell(ReportRuns((RunReport(name, True, False, at_ms),)), at_min)
        return self.site.placements[name].state

    def end(self, name: str, at_min: int) -> None:
        at_ms = START_MS + at_min * MINUTE_MS
        self.tell(ReportRuns((RunReport(name, False, False, at_ms),)), at_min)

    def claim_of(self, name: str) -> Placement:
        return self.site.claims[name]


def full(servers: int = 3) -> Here:
    """Each server runs one for 60 minutes and one of whom nobody knows how long."""
    here = Here(servers)
    for number in range(servers):
        here.run(f"known-{number}", 1, number, duration_s_max=3_600)
        here.run(f"open-{number}", 1, number)
    return here


def test_a_claim_names_the_servers_that_are_free_first() -> None:
    here = Here(3)
    for number, minutes in enumerate((90, 30, 60)):
        here.run(f"r{number}", 2, duration_s_max=minutes * 60)

    assert here.run("gang", 2, 5, replicas=2, claim=True) is PlacementState.CLAIMED

    claim = here.claim_of("gang")
    assert [part.server for part in claim.allocations] == [1, 2]
    assert claim.expected_start_ms == START_MS + 60 * MINUTE_MS
    demand = Demand(Resources(1_000, 64, 2))
    # Another one finds its start beside the servers that are kept.
    beside = shadow(here.site, demand, START_MS, here.site.kept)
    assert beside is not None and beside.start_ms == START_MS + 90 * MINUTE_MS


@pytest.mark.parametrize("apart", ["rack", "feed"])
def test_a_claim_of_a_spread_gang_waits_for_servers_that_are_apart(apart: str) -> None:
    here = Here(0)
    servers = [
        Server(rack, "A100", "fleet", 64_000, 65_536, 2) for rack in ("r0", "r0", "r1", "r2")
    ]
    feeds = (("r0", "a"), ("r1", "a" if apart == "feed" else "b"), ("r2", "b"))
    here.tell(ServerSet(2, tuple(servers), feeds=feeds))
    for number, minutes in enumerate((20, 30, 60, 90)):
        here.run(f"r{number}", 2, duration_s_max=minutes * 60)
    apart_from = Constraints(**{f"replicas_per_{apart}_max": 1})

    state = here.run("gang", 2, 5, replicas=2, claim=True, constraints=apart_from)

    assert state is PlacementState.CLAIMED
    claim = here.claim_of("gang")
    second, start_min = (2, 60) if apart == "rack" else (3, 90)
    assert [part.server for part in claim.allocations] == [0, second]
    assert claim.expected_start_ms == START_MS + start_min * MINUTE_MS
    for number in (0, second):
        here.end(f"r{number}", 50 + number)
    assert here.site.placements["gang"].state is PlacementState.PLACED


def test_it_starts_as_soon_as_its_servers_have_the_room() -> None:
    here = Here(2)
    here.run("a", 2)
    here.run("b", 2)
    here.run("gang", 2, 5, replicas=2, claim=True)

    here.end("a", 6)
    assert here.site.placements["gang"].state is PlacementState.CLAIMED
    here.end("b", 9)

    gang = here.site.placements["gang"]
    assert (gang.state, gang.placed_at_ms) == (PlacementState.PLACED, START_MS + 9 * MINUTE_MS)
    assert {part.server for part in gang.allocations} == {0, 1}
    assert not here.site.claims
    assert not here.site.kept


def test_meanwhile_only_who_ends_in_time_runs_there() -> None:
    here = Here(2)
    here.run("short", 2, duration_s_max=600)
    here.run("long", 2, duration_s_max=3_600)
    here.run("gang", 2, 1, replicas=2, claim=True)
    here.end("short", 2)

    assert here.run("endless", 1, 3) is PlacementState.DECLINED
    assert here.run("too-long", 1, 3, duration_s_max=57 * 60) is PlacementState.DECLINED
    assert here.run("in-time", 1, 3, duration_s_max=56 * 60) is PlacementState.STARTED
    offer = offer_of(here.site, RULES)
    assert offer is not None
    (kept,) = offer.fair.backfill
    assert kept.until_ms == START_MS + 60 * MINUTE_MS
    assert kept.use.accelerator_milli == 1_000
    assert offer.fair.claims_free == RULES.claims.per_site_max - 1

    here.tick(60)
    assert here.site.placements["gang"].state is PlacementState.PLACED


def test_where_nobody_knows_the_end_nothing_is_filled_in() -> None:
    here = full(2)
    here.run("gang", 2, 1, replicas=2, claim=True)

    here.end("known-0", 2)

    assert here.claim_of("gang").expected_start_ms == 0
    assert here.run("short", 1, 3, duration_s_max=60) is PlacementState.DECLINED


def test_a_site_keeps_no_more_claims_than_its_rule_says() -> None:
    here = full(6)

    states = [here.run(f"g{n}", 2, 4, claim=True) for n in range(RULES.claims.per_site_max + 1)]

    assert states == [PlacementState.CLAIMED] * RULES.claims.per_site_max + [
        PlacementState.DECLINED
    ]
    servers = [part.server for c in here.site.claims.values() for part in c.allocations]
    assert len(servers) == len(set(servers))


def test_a_claim_is_cancelled_expires_and_gives_up_when_nothing_could_hold_it() -> None:
    reports = []
    for how in ("cancel", "expire", "shrink"):
        here = full(2)
        here.run("gang", 2, 1, replicas=2, claim=True)
        if how == "cancel":
            events = here.tell(Release("gang", ""), 2)
        elif how == "expire":
            events = here.tick(1 + RULES.claims.hold_ms // MINUTE_MS)
        else:
            here.adopt(1, revision=2)
            events = here.tick(3)
        (over,) = [e for e in events if isinstance(e, Placement) and e.placement_id == "gang"]
        assert not here.site.claims
        assert not here.site.kept
        reports += here.site.owed(over)

    said = [
        Report("gang", 1, PlaceOutcome.DECLINED, reason)
        for reason in (CANCELLED, EXPIRED, HOPELESS)
    ]
    assert reports == said


def test_who_gives_up_leaves_its_servers_to_an_older_claim_on_the_same_tick() -> None:
    here = full(3)
    here.run("gang", 2, 3, replicas=2, claim=True)
    here.end("known-0", 4)
    here.end("open-0", 4)
    here.run("early", 2, 60, claim=True)
    assert [part.server for part in here.claim_of("early").allocations] == [2]
    over_min = 3 + RULES.claims.hold_ms // MINUTE_MS

    here.tick(over_min)

    assert here.site.placements["gang"].reason == EXPIRED
    assert here.site.placements["early"].state is PlacementState.PLACED
    assert not here.tick(over_min)


def test_a_claim_moves_when_one_of_its_servers_is_lost() -> None:
    here = full(3)
    here.run("gang", 2, 3, replicas=2, claim=True)
    assert [part.server for part in here.claim_of("gang").allocations] == [0, 1]

    here.tell(ChangeCondition(Condition.HOT, True, (0,)), 4)
    here.tick(5)

    assert [part.server for part in here.claim_of("gang").allocations] == [1, 2]
    assert not here.site.capacity.barred(1) or here.site.kept == frozenset({1, 2})


def test_a_lease_comes_before_a_claim() -> None:
    here = full(2)
    lease = Reservation("lease", "t", "A100", 1, START_MS, START_MS + 8 * SLOT_MS, 5)
    here.tell(lease)
    here.run("gang", 2, 1, replicas=2, claim=True)
    here.end("known-0", 2)

    assert here.run("leased", 1, 3, lease_id="lease") is PlacementState.STARTED


def test_leases_to_come_bound_how_long_others_may_run() -> None:
    here = Here(1)
    start_ms = START_MS + 4 * SLOT_MS
    here.tell(Reservation("lease", "other", "A100", 2, start_ms, start_ms + SLOT_MS, 5))
    longest_s = (4 * SLOT_MS - START_SLACK_MS) // 1_000

    assert here.run("endless", 1) is PlacementState.DECLINED
    assert here.run("too-long", 1, duration_s_max=longest_s + 1) is PlacementState.DECLINED
    assert here.run("in-time", 1, duration_s_max=longest_s) is PlacementState.STARTED


def test_a_unit_of_a_lease_is_a_whole_device() -> None:
    here = Here(2)
    here.tell(Reservation("lease", "t", "A100", 1, START_MS, START_MS + 8 * SLOT_MS, 5))
    for name in ("a", "b"):
        assert here.run(name, 1, milli=600) is PlacementState.STARTED
    assert here.run("c", 1) is PlacementState.STARTED

    # Two devices have 400 left: that is no unit, so the last whole one is the lease's.
    assert here.run("d", 1) is PlacementState.DECLINED
    assert here.run("share", 1, milli=250, lease_id="lease") is PlacementState.STARTED
    assert here.site.drawn == {"lease": 1}


def test_the_most_that_leases_keep_is_at_a_time_not_in_sum() -> None:
    spans = ((0, 2, 3), (2, 4, 5), (3, 6, 1))
    leases = [
        Reservation(f"l{n}", "t", "A100", units, START_MS + a * SLOT_MS, START_MS + b * SLOT_MS, 5)
        for n, (a, b, units) in enumerate(spans)
    ]

    known = peaks(leases, {"l0": 1}, START_MS + 1)

    ahead = [most_before(known, START_MS + n * SLOT_MS + 1) for n in range(7)]
    assert ahead == [0, 2, 5, 6, 6, 6, 6]
    assert Use(1, 2, 3).within(Use(0, 2, 4))
