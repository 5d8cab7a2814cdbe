"""Fairness and urgency of ROUTE and PLACE together. Method: a province in memory, in which runs
start at once and end when told; simulations, and a machine with everything switched on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

import pytest
from hexi_scheduler.domain.facts import Reservation, Server, ServerSet, SiteFacts
from hexi_scheduler.domain.owed import SLOT_MS, Report
from hexi_scheduler.domain.place.place_commands import Place, PlaceCommand, PlaceItem, Release, Tick
from hexi_scheduler.domain.place.place_events import (
    PlaceEvent,
    PlacementForgotten,
    PreemptionCounted,
    ReservationChanged,
)
from hexi_scheduler.domain.place.policy import BestFit
from hexi_scheduler.domain.place.preempt import HOUR_MS
from hexi_scheduler.domain.place.run_report import ReportRuns, RunReport
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.site_offer import offer_of
from hexi_scheduler.domain.place.step_place import step as place_step
from hexi_scheduler.domain.placement import Placement, PlacementState
from hexi_scheduler.domain.priority import Priorities, PriorityClass, Yields
from hexi_scheduler.domain.route.drf import PPB
from hexi_scheduler.domain.route.route import (
    Cancel,
    HearOffers,
    HearReports,
    Route,
    RouteState,
    Submit,
)
from hexi_scheduler.domain.route.router import RouteEvent, Router
from hexi_scheduler.domain.route.step_route import step as route_step
from hexi_scheduler.domain.rules import ClaimRules, PreemptionBudget, Rules
from hexi_scheduler.domain.tenants import Tenant, Tenants
from hexi_scheduler.domain.use import Use
from hexi_scheduler.domain.workload import WHOLE, Demand, Resources, Workload
from hexi_scheduler.settings import route_policy
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

START_MS = 2_000_000 * SLOT_MS
MINUTE_MS = 60_000
FACTS = SiteFacts(1, True, "gansu", 3, False, 1_200, 300, (("A100", 900), ("general", 10)))
CLASSES = Priorities(
    (
        PriorityClass("spot", 0, Yields.ALWAYS),
        PriorityClass("standard", 100, Yields.INTERRUPTIBLE, ageing_s=7_200),
        PriorityClass("production", 400, Yields.NEVER, may_preempt=True),
    )
)
CLAIMS = ClaimRules(10 * MINUTE_MS, 24 * HOUR_MS, 2, accelerators_min=8)
BUDGET = PreemptionBudget(2 * HOUR_MS, 4)
POLICY = route_policy()._replace(partitions=1)

Request = Submit | Cancel | HearOffers | HearReports


class Province:
    """One partition of ROUTE and its sites; all that is owed is paid before a call returns."""

    def __init__(self, fleets: Mapping[str, Iterable[Server]], rules: Rules) -> None:
        self.rules, self.now_ms, self.count = rules, START_MS, 0
        self.router = Router(POLICY, rules)
        self.route_journal: list[RouteEvent] = []
        self.sites = {name: Site(name) for name in fleets}
        self.journals: dict[str, list[PlaceEvent]] = {name: [] for name in fleets}
        for name, fleet in fleets.items():
            self.tell(name, FACTS)
            self.tell(name, ServerSet(1, tuple(fleet)))
        self.offer()

    def ask(self, request: Request) -> None:
        events = route_step(self.router, request, self.now_ms)
        assert not route_step(self.router, request, self.now_ms), "decided twice"
        self.route_journal += events
        for route in (e for e in events if isinstance(e, Route)):
            if route.state is RouteState.ROUTED:
                name = f"{route.workload.workload_id}/{route.attempt}"
                item = PlaceItem(
                    name,
                    route.attempt,
                    route.workload,
                    route.preempt,
                    route.claim,
                    route.borrowed,
                )
                wish = Release(name, "") if route.cancel_requested else Place((item,))
                self.tell(route.site_id, wish)

    def tell(self, name: str, command: PlaceCommand) -> None:
        site = self.sites[name]
        events = place_step(site, command, self.now_ms, BestFit(), self.rules)
        site.revision += bool(events)
        assert not place_step(site, command, self.now_ms, BestFit(), self.rules), "decided twice"
        self.journals[name] += events
        owed = [debt for event in events for debt in site.owed(event)]
        reports = tuple(debt for debt in owed if isinstance(debt, Report))
        if reports:
            self.ask(HearReports(reports))

    def offer(self) -> None:
        offers = (offer_of(site, self.rules) for site in self.sites.values())
        self.ask(HearOffers(tuple(filter(None, offers))))

    def submit(
        self, tenant: str, demand: Demand, priority: int = 0, duration_s: int = 0, **more: Any
    ) -> str:
        self.count += 1
        name = f"w{self.count}"
        workload = Workload(name, tenant, demand, priority, duration_s, self.now_ms, **more)
        self.ask(Submit((workload,)))
        return name

    def start_all(self) -> None:
        for name, site in self.sites.items():
            new = [p for p in site.placements.values() if p.state is PlacementState.PLACED]
            reports = (RunReport(p.placement_id, True, False, self.now_ms) for p in new)
            self.tell(name, ReportRuns(tuple(reports)))

    def end(self, placement: Placement) -> None:
        (site,) = (n for n, s in self.sites.items() if placement.placement_id in s.placements)
        self.tell(site, ReportRuns((RunReport(placement.placement_id, False, False, self.now_ms),)))

    def later(self, minutes: int) -> None:
        self.now_ms += minutes * MINUTE_MS
        for name in self.sites:
            self.tell(name, Tick(self.now_ms))
        self.offer()
        self.start_all()

    def live(self) -> list[Placement]:
        return [p for s in self.sites.values() for p in s.placements.values() if p.live]

    def state(self, name: str) -> PlacementState | RouteState:
        route = self.router.routes[name]
        placement = f"{name}/{route.attempt}"
        for site in self.sites.values():
            if route.state is RouteState.ROUTED and placement in site.placements:
                return site.placements[placement].state
        return route.state


def fleet(servers: int, devices: int = 8, cpu: int = 64, memory: int = 512) -> list[Server]:
    kind = "A100" if devices else "general"
    return [
        Server(f"r{n // 4}", kind, "fleet", cpu * 1_000, memory * 1_024, devices)
        for n in range(servers)
    ]


def wish(cpu: int, memory: int, devices: int = 0, milli: int = WHOLE, replicas: int = 1) -> Demand:
    return Demand(Resources(cpu * 1_000, memory * 1_024, devices, milli), replicas)


def test_shares_converge_to_the_dominant_shares_that_weights_ask() -> None:
    # Each tenant needs most of another resource; B weighs twice as much. All need memory in equal
    # pieces, which is full when B has 2/3 of it, A 1/3 of the vCPUs and C 1/3 of the accelerators.
    tenants = Tenants({"B": Tenant(weight=2)})
    province = Province({"s": fleet(20)}, Rules(CLASSES, tenants))
    asked = {"A": wish(8, 32, 1, 125), "B": wish(2, 32, 1, 125), "C": wish(2, 32, 1)}
    random = Random(7)
    ends: dict[str, int] = {}
    seen: Counter[str] = Counter()

    for minute in range(400):
        for tenant, demand in asked.items():
            waiting = sum(line.tenant_id == tenant for line in province.router.waiting.lines)
            for _ in range(0 if waiting else 30) if tenant == "A" or minute > 30 else ():
                province.submit(tenant, demand)
        for placement in province.live():
            name = placement.placement_id
            if ends.setdefault(name, minute + random.randint(5, 40)) <= minute:
                province.end(placement)
        province.later(1)
        if minute >= 200:
            for tenant, weight in (("A", 1), ("B", 2), ("C", 1)):
                seen[tenant] += province.router.shares.of(tenant) * weight

    shares = {tenant: total / 200 / PPB for tenant, total in seen.items()}
    assert shares == pytest.approx({"A": 1 / 3, "B": 2 / 3, "C": 1 / 3}, rel=0.03)


@pytest.mark.parametrize("duration_s", [0, 600], ids=["unknown ends", "known ends"])
def test_a_gang_under_a_stream_of_small_work_starts_within_its_bound(duration_s: int) -> None:
    province = Province({"s": fleet(6)}, Rules(CLASSES, claims=CLAIMS))
    small, gang = wish(2, 8, 1), wish(16, 64, 8, replicas=4)
    random = Random(11)
    ends: dict[str, int] = {}
    name = ""

    for minute in range(60):
        if minute == 15:
            name = province.submit("G", gang)
        for _ in range(max(0, 60 - len(province.router.waiting))):
            province.submit("S", small, duration_s=duration_s)
        for placement in province.live():
            at = ends.setdefault(placement.placement_id, minute + random.randint(1, 10))
            if at <= minute and placement.workload.workload_id != name:
                province.end(placement)
        province.later(1)
        if name and province.state(name) is PlacementState.STARTED:
            break

    # It waits 10 minutes for its claim; then what runs there, 10 minutes at most, must end.
    assert province.state(name) is PlacementState.STARTED
    assert minute <= 15 + 10 + 10 + 2


def test_without_claims_it_starves() -> None:
    province = Province({"s": fleet(2)}, Rules(CLASSES))
    for _ in range(17):
        province.submit("S", wish(2, 8, 1))
    province.start_all()

    gang = province.submit("G", wish(16, 64, 8, replicas=2))
    for minute in range(1, 60):
        province.end(province.live()[minute % 16])
        province.submit("S", wish(2, 8, 1))
        province.later(1)

    assert len(province.live()) == 16
    assert province.state(gang) is RouteState.WAITING


QUOTAS = Tenants(
    {
        "heavy": Tenant(weight=2),
        "borrower": Tenant(quota=Use(accelerator_milli=4_000)),
        "strict": Tenant(quota=Use(accelerator_milli=4_000), may_borrow=False),
    }
)
ALL_RULES = Rules(CLASSES, QUOTAS, BUDGET, CLAIMS._replace(accelerators_min=4))
LEASES = tuple(
    Reservation(
        f"lease-{n}", "lessee", "A100", 3, START_MS + a * SLOT_MS, START_MS + b * SLOT_MS, 5
    )
    for n, (a, b) in enumerate(((1, 4), (2, 6), (6, 9)))
)
demands = st.builds(
    lambda shape, replicas: Demand(Resources(shape[0] * 500, 64, shape[0], shape[1]), replicas),
    st.sampled_from([(1, 250), (1, 500), (1, 1_000), (2, 1_000), (4, 1_000)]),
    st.sampled_from([1, 1, 1, 2, 3]),
)


class FairMachine(RuleBasedStateMachine):
    """A province of two sites with classes, quotas, budgets, claims and leases."""

    @initialize()
    def begin(self) -> None:
        fleets = {"a": fleet(2, 4, 8, 64), "b": fleet(1, 4, 8, 64)}
        self.province = Province(fleets, ALL_RULES)
        for lease in LEASES:
            self.province.tell("a", lease)

    @rule(
        tenant=st.sampled_from(["plain", "heavy", "borrower", "strict"]),
        demand=demands,
        priority=st.sampled_from([0, 0, 150, 450]),
        duration_s=st.sampled_from([0, 0, 600, 3_000]),
        more=st.sampled_from([{}, {"interruptible": True}, {"checkpoint_interval_s": 300}]),
        times=st.integers(1, 4),
    )
    def submit(self, times: int, more: dict[str, Any], **asked: Any) -> None:
        for _ in range(times):
            self.province.submit(**asked, **more)
        self.province.start_all()

    @rule(minutes=st.sampled_from([1, 5, 11, 20]))
    def wait(self, minutes: int) -> None:
        self.province.later(minutes)

    @precondition(lambda self: self.province.live())
    @rule(pick=st.integers(0))
    def end(self, pick: int) -> None:
        live = self.province.live()
        self.province.end(live[pick % len(live)])

    @precondition(lambda self: self.province.count)
    @rule(pick=st.integers(0), tenant=st.sampled_from(["plain", "heavy", "borrower"]))
    def cancel(self, pick: int, tenant: str) -> None:
        self.province.ask(Cancel(f"w{pick % self.province.count + 1}", tenant))

    @rule(lease=st.sampled_from(LEASES), milli=st.sampled_from([250, 1_000]))
    def draw(self, lease: Reservation, milli: int) -> None:
        """Whoever holds units of a lease in force gets them at once."""
        province, site = self.province, self.province.sites["a"]
        if not lease.start_ms <= province.now_ms < lease.end_ms:
            return
        if site.drawn.get(lease.lease_id, 0) >= lease.units:
            return
        province.count += 1
        demand = Demand(Resources(500, 64, 1, milli), lease_id=lease.lease_id)
        left_s = (lease.end_ms - province.now_ms) // 1_000
        name = f"w{province.count}"
        workload = Workload(name, "lessee", demand, 0, left_s, province.now_ms)
        province.tell("a", Place((PlaceItem(f"{name}/1", 1, workload),)))
        assert site.placements[f"{name}/1"].state is PlacementState.PLACED
        assert site.placements[f"{name}/1"].tariff.lease_id == lease.lease_id
        province.start_all()

    @invariant()
    def nothing_is_taken_twice(self) -> None:
        for site in self.province.sites.values():
            left = [[WHOLE] * server.accelerators for server in site.capacity.servers]
            for placement in (p for p in site.placements.values() if p.live):
                assert len(placement.allocations) == placement.workload.demand.replicas
                for server, devices, milli in placement.allocations:
                    for device in devices:
                        left[server][device] -= milli
            assert all(milli >= 0 for devices in left for milli in devices)
            assert left == [site.capacity.devices(server) for server in range(len(left))]

    @invariant()
    def only_lower_classes_and_borrowers_yield_within_the_budget(self) -> None:
        for journal in self.province.journals.values():
            workloads = {e.placement_id: e.workload for e in journal if isinstance(e, Placement)}
            for event in journal:
                if isinstance(event, PreemptionCounted):
                    assert event.wasted_accelerator_ms <= BUDGET.wasted_accelerator_ms_max
                    assert all(n <= BUDGET.victims_per_tenant_max for _, n in event.victims)
                elif isinstance(event, Placement) and event.preempted_by:
                    taker = workloads[event.preempted_by]
                    mine, theirs = ALL_RULES.rank(taker), ALL_RULES.rank(event.workload)
                    assert not event.tariff.lease_id
                    assert theirs < mine or (event.borrowed and theirs <= mine)

    @invariant()
    def each_is_where_its_route_says(self) -> None:
        province = self.province
        for placement in province.live():
            route = province.router.routes.get(placement.workload.workload_id)
            assert route is None or route.state is RouteState.ROUTED
            assert route is None or route.attempt == placement.attempt
        for site in province.sites.values():
            assert len(site.claims) <= CLAIMS.per_site_max
            assert all(site.capacity.barred(server) for server in site.kept)

    @invariant()
    def strict_quotas_hold(self) -> None:
        used = sum(
            p.workload.demand.resources.accelerators
            * p.workload.demand.resources.device_milli
            * p.workload.demand.replicas
            for p in self.province.live()
            if p.workload.tenant_id == "strict"
        )
        assert used <= 4_000

    @invariant()
    def rebuild_is_the_state(self) -> None:
        province = self.province
        for name, site in province.sites.items():
            for history in (province.journals[name], _newest(province.journals[name])):
                rebuilt = Site(name)
                for event in history:
                    rebuilt.apply(event)
                rebuilt.revision = site.revision
                assert offer_of(rebuilt, ALL_RULES) == offer_of(site, ALL_RULES)
                assert (rebuilt.claims, rebuilt.kept) == (site.claims, site.kept)
                assert (rebuilt.preempted, rebuilt.use) == (site.preempted, site.use)
        router = Router(province.router.policy, ALL_RULES)
        for route_event in province.route_journal:
            router.apply(route_event)
        assert router.waiting.lines == province.router.waiting.lines
        assert router.shares.heard == province.router.shares.heard


def _newest(journal: list[PlaceEvent]) -> list[PlaceEvent]:
    """The last event of each key, in the order in which they were written."""
    newest: dict[object, PlaceEvent] = {}
    for event in journal:
        kind = type(event).__name__
        key = (kind, event.placement_id if isinstance(event, Placement) else "")
        if isinstance(event, PlacementForgotten):
            newest.pop(("Placement", event.placement_id), None)
            continue
        if isinstance(event, ReservationChanged):
            key = (kind, event.reservation.lease_id)
        newest.pop(key, None)
        newest[key] = event
    return list(newest.values())


FairMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestFairMachine = FairMachine.TestCase
