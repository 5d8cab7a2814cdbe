"""The order in which ROUTE serves who waits, quotas, and how all that travels."""

from __future__ import annotations

from typing import Any

from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2
from hexi_scheduler.domain.fair_offer import Backfill, FairOffer, RankUse, TenantUse
from hexi_scheduler.domain.offer import ClassOffer, SiteOffer, SiteStanding
from hexi_scheduler.domain.owed import PlaceOutcome, Report
from hexi_scheduler.domain.place.place_events import PreemptionCounted
from hexi_scheduler.domain.placement import Allocation, Placement, PlacementState
from hexi_scheduler.domain.route.retry import RETRIES_PER_OFFER_MAX
from hexi_scheduler.domain.route.route import HearOffers, HearReports, Route, RouteState, Submit
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.route.step_route import step
from hexi_scheduler.domain.rules import Rules
from hexi_scheduler.domain.tenants import Tenant, Tenants
from hexi_scheduler.domain.use import Use
from hexi_scheduler.domain.workload import Demand, Resources, Workload
from hexi_scheduler.settings import fair_rules, route_policy
from hexi_scheduler.wire import offer as wire_offer
from hexi_scheduler.wire import place_commands, place_journal
from hexi_scheduler.wire import route as wire_route
from hexi_scheduler.wire.workload import WorkloadReader

NOW_MS = 1_800_000_000_000
CPU = Demand(Resources(1_000, 64))
RULES = fair_rules()
TOTAL = Use(100_000, 100_000, 0)


def offer(revision: int, vcpus: int, **fair: Any) -> SiteOffer:
    free = vcpus * 1_000
    plain = ClassOffer("general", "fleet", 9, 0, free, 99_999, 0, (), free, 9_999, 99_000, 9_999)
    standing = SiteStanding(True, "gansu", 3)
    said = FairOffer(**{"total": TOTAL, **fair})
    return SiteOffer("s", revision, standing, (plain,), fair=said)


class Partition:
    """ROUTE with one site that has what the newest offer says."""

    def __init__(self, rules: Rules = RULES, partitions: int = 1) -> None:
        self.router = Router(route_policy()._replace(partitions=partitions), rules)
        self.revision = 0
        self.hear(0)

    def hear(self, vcpus: int, at_ms: int = NOW_MS, **fair: Any) -> list[Route]:
        self.revision += 1
        offers = HearOffers((offer(self.revision, vcpus, **fair),))
        return [e for e in step(self.router, offers, at_ms) if isinstance(e, Route)]

    def submit(self, name: str, tenant: str, demand: Demand = CPU, **how: Any) -> Route:
        how.setdefault("submitted_at_ms", NOW_MS + len(name))
        workload = Workload(name, tenant, demand, **how)
        (route,) = step(self.router, Submit((workload,)), NOW_MS)
        assert isinstance(route, Route)
        return route


def names(routes: list[Route]) -> list[str]:
    return [route.workload.workload_id for route in routes]


def used(**vcpus: int) -> tuple[TenantUse, ...]:
    return tuple(TenantUse(name, Use(n * 1_000, 0, 0)) for name, n in sorted(vcpus.items()))


def test_class_comes_before_share_and_share_before_age() -> None:
    at = Partition()
    at.submit("a1", "a")
    at.submit("b22", "b")
    at.submit("a333", "a", priority=500)

    assert names(at.hear(2, uses=used(a=5, b=1))) == ["a333", "b22"]


def test_shares_are_filled_one_by_one_and_weights_count() -> None:
    weighty = Tenants({"heavy": Tenant(weight=2)})
    at = Partition(RULES._replace(tenants=weighty))
    for n in range(6):
        at.submit(f"h{n}", "heavy")
        at.submit(f"l{n}", "light")

    assert sorted(names(at.hear(6)))[:5] == ["h0", "h1", "h2", "h3", "l0"]


def test_what_waited_long_is_served_with_the_class_above() -> None:
    at = Partition()
    at.submit("old", "a", priority=0)
    later_ms = NOW_MS + RULES.priorities.classes[0].ageing_s * 1_000 + 10
    at.submit("new", "b", priority=150, submitted_at_ms=later_ms)

    first = at.hear(1, later_ms, uses=used(b=1))

    assert names(first) == ["old"]


def test_a_newcomer_waits_behind_those_who_had_no_turn() -> None:
    at = Partition()
    many = RETRIES_PER_OFFER_MAX + 5
    for n in range(many):
        at.submit(f"w{n}", "a")
    assert len(at.hear(many * 2)) == RETRIES_PER_OFFER_MAX

    queued = at.submit("late", "a")
    lower = at.submit("other", "b", Demand(Resources(1_000, 64, 1)))

    assert queued.state is RouteState.WAITING
    assert queued.why_not is not None
    assert queued.why_not.filters[0].name == "fair_share"
    # Who waits for other servers, or uses less, goes on.
    assert lower.why_not is None or lower.why_not.filters[0].name != "fair_share"
    assert at.submit("lean", "lean").state is RouteState.ROUTED
    assert "late" in names(at.hear(many * 2))


def test_beyond_its_quota_a_tenant_waits_or_borrows_what_nobody_waits_for() -> None:
    quota = Use(cpu_milli=2_000)
    tenants = Tenants(
        {"strict": Tenant(quota=quota, may_borrow=False), "free": Tenant(quota=quota)}
    )
    at = Partition(RULES._replace(tenants=tenants))
    at.hear(50, uses=used(strict=2, free=2))

    held, lent = at.submit("s", "strict"), at.submit("f", "free")

    assert held.state is RouteState.WAITING
    assert held.why_not is not None
    assert held.why_not.filters[0].name == "quota"
    assert (lent.state, lent.borrowed) == (RouteState.ROUTED, True)
    at.hear(0, uses=used(strict=1, free=3))
    at.submit("owner", "strict")
    assert at.submit("f2", "free").state is RouteState.WAITING
    # The rest is free for the borrower once the other has what it is entitled to, and no more.
    routed = {r.workload.workload_id: r.borrowed for r in at.hear(9, uses=used(strict=1, free=3))}
    assert routed == {"s": False, "f2": True}


def test_a_quota_counts_what_the_other_partitions_may_have_given() -> None:
    tenants = Tenants({"t": Tenant(quota=Use(cpu_milli=20_000), may_borrow=False)})
    at = Partition(RULES._replace(tenants=tenants), partitions=16)
    at.hear(99)

    states = [at.submit(f"w{n}", "t").state for n in range(3)]

    assert states == [RouteState.ROUTED, RouteState.ROUTED, RouteState.WAITING]


def test_only_when_nothing_has_room_is_a_site_asked_for_more() -> None:
    at = Partition()
    yielding = (RankUse("general", "fleet", 1, Use(2_000, 999, 0)),)
    at.hear(1, yielding=yielding)

    easy = at.submit("easy", "a", priority=500)
    hard = at.submit("hard", "a", priority=500)
    meek = at.submit("meek", "a", priority=150)
    more = at.submit("more", "a", Demand(Resources(9_000, 64)), priority=500)

    assert [route.preempt for route in (easy, hard, meek, more)] == [False, True, False, False]
    assert hard.state is RouteState.ROUTED
    assert meek.state is more.state is RouteState.WAITING


def test_work_that_ends_in_time_may_use_what_is_kept() -> None:
    at = Partition()
    kept = (Backfill("general", "fleet", NOW_MS + 3_600_000, Use(2_000, 999, 0)),)
    at.hear(0, backfill=kept)

    assert at.submit("long", "a", duration_s_max=3_600).state is RouteState.WAITING
    short = at.submit("short", "a", duration_s_max=600)
    assert (short.state, short.preempt, short.claim) == (RouteState.ROUTED, False, False)


def test_large_work_claims_after_its_time_and_only_where_claims_are_free() -> None:
    at = Partition()
    at.submit("gang", "a", CPU._replace(replicas=3))
    after_ms = NOW_MS + RULES.claims.after_ms + 10

    assert not at.hear(1, after_ms - 10_000, claims_free=1)
    assert not at.hear(1, after_ms, claims_free=0)
    (route,) = at.hear(1, after_ms, claims_free=1)
    assert (route.state, route.claim) == (RouteState.ROUTED, True)
    expired = Report("gang", route.attempt, PlaceOutcome.DECLINED, "its claim expired")
    (again,) = step(at.router, HearReports((expired,)), after_ms)
    assert isinstance(again, Route)
    assert (again.state, again.claim) == (RouteState.WAITING, False)


def test_offers_orders_and_records_keep_it_on_their_way() -> None:
    fair = FairOffer(
        used(a=1, b=2),
        TOTAL,
        (RankUse("A100", "host", 2, Use(1, 2, 3)),),
        (Backfill("general", "fleet", 77, Use(4, 5, 6)),),
        3,
    )
    sent = offer(4, 5)._replace(fair=fair)
    assert wire_offer.offer(wire_offer.site_state(sent)).fair == fair

    spec = workload_pb2.WorkloadSpec(replicas=1, resources=common_pb2.Resources(cpu_milli=500))
    reader = WorkloadReader()
    workload = reader.read(workload_pb2.Workload(workload_id="w", tenant_id="t", spec=spec))
    flags: dict[str, Any] = {"preempt": True, "claim": True, "borrowed": True}
    route = Route(workload, RouteState.ROUTED, 5, "s", "general", 1, voucher_id="v", **flags)
    ((_, value),) = wire_route.entries([route], 0, 7)
    assert wire_route.entry(value or b"", reader) == route
    (order,) = wire_route.orders([route], 700_000)["s"]
    said = place_commands.command(place_pb2.SiteCommand.FromString(order.body), reader)
    assert all(getattr(said.items[0], flag) for flag in flags)  # type: ignore[union-attr] # a Place

    claim = Placement(
        "p",
        workload,
        1,
        PlacementState.CLAIMED,
        5,
        (Allocation(3, (), 0),),
        "general",
        "fleet",
        borrowed=True,
        expected_start_ms=8,
        claim_until_ms=9,
    )
    victim = claim._replace(state=PlacementState.EVICTED, preempted_by="q", wasted_accelerator_ms=6)
    for event in (claim, victim, PreemptionCounted(491_000, 7, (("t", 2),))):
        ((_, written),) = place_journal.entries("s", [event], 0, 7)
        assert place_journal.entry(written or b"", reader) == (event, 7)
    assert route_pb2.RouteRecord.FromString(value or b"").decided.voucher_id == "v"
