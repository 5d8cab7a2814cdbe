"""PLACE under any history: capacity never negative, gangs whole, releases exact, rebuild equal.

A state machine drives `step` with arbitrary commands and compares it, after each, with a site that
is rebuilt from the recorded events alone, and with sums taken directly from the live placements.
"""

from __future__ import annotations

from hexi_scheduler.domain.facts import (
    Condition,
    Quarantine,
    Reservation,
    Server,
    ServerSet,
    SiteFacts,
)
from hexi_scheduler.domain.owed import SLOT_MS, Usage, UsageKind
from hexi_scheduler.domain.packing.mix import MixLearned
from hexi_scheduler.domain.place.place_commands import (
    ChangeCondition,
    DirectQuarantine,
    Place,
    PlaceCommand,
    PlaceItem,
    Release,
    Tick,
)
from hexi_scheduler.domain.place.place_events import ClockMoved, PlaceEvent
from hexi_scheduler.domain.place.policy import Packing
from hexi_scheduler.domain.place.run_report import ReportRuns, RunReport
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.site_offer import offer_of
from hexi_scheduler.domain.place.step_place import step
from hexi_scheduler.domain.placement import PlacementState
from hexi_scheduler.domain.workload import WHOLE, Demand, Resources, Workload
from hexi_scheduler.settings import packing_rules
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model.scheduler.attributes import attributes

# It learns after two arrivals: many generations fit into a short history.
POLICY = Packing(packing_rules()._replace(first_arrivals=2, interval_arrivals_min=3))
START_MS = 1_800_000_000_000 // SLOT_MS * SLOT_MS
FACTS = SiteFacts(
    1, True, "gansu", 3, True, 1_200, 200, (("A100", 900), ("T4", 300), ("general", 10))
)

demands = st.one_of(
    st.builds(
        lambda cpu, memory, replicas, lease: Demand(
            Resources(cpu, memory), replicas, lease_id=lease
        ),
        st.integers(1, 9_000),
        st.integers(0, 20_000),
        st.integers(1, 5),
        st.sampled_from(["", "lease-0"]),
    ),
    st.builds(
        lambda cpu, memory, devices, milli, models, replicas, ceiling, lease: Demand(
            Resources(cpu, memory, devices, milli, models),
            replicas,
            price_micro_yuan_max=ceiling,
            lease_id=lease,
        ),
        st.integers(1, 4_000),
        st.integers(0, 8_000),
        st.integers(1, 4),
        st.sampled_from([1_000, 1_000, 500, 300, 7]),
        st.sampled_from([(), ("A100",), ("T4", "A100")]),
        st.integers(1, 3),
        st.sampled_from([0, 300, 5_000]),
        st.sampled_from(["", "", "lease-1"]),
    ),
)
servers = st.builds(
    lambda rack, kind, cpu, memory, devices: Server(
        f"r{rack}", kind, "fleet", cpu, memory, 0 if kind == "general" else devices
    ),
    st.integers(0, 3),
    st.sampled_from(["general", "A100", "T4"]),
    st.integers(1, 16).map(lambda n: n * 1_000),
    st.integers(1, 8).map(lambda n: n * 4_096),
    st.integers(1, 4),
)


class PlaceMachine(RuleBasedStateMachine):
    """One site and all that can happen to it."""

    @initialize(fleet=st.lists(servers, min_size=1, max_size=12))
    def begin(self, fleet: list[Server]) -> None:
        self.site = Site("s")
        self.journal: list[PlaceEvent] = []
        self.usages: list[Usage] = []
        self.now_ms = START_MS
        self.count = 0
        self.revision = 1
        self.apply(FACTS)
        self.apply(ServerSet(1, tuple(fleet)))

    def apply(self, command: PlaceCommand) -> None:
        events = step(self.site, command, self.now_ms, POLICY)
        self.journal.extend(events)
        for event in events:
            self.usages.extend(o for o in self.site.owed(event) if isinstance(o, Usage))
        assert not step(self.site, command, self.now_ms, POLICY), "decided twice"

    @rule(asked=st.lists(demands, min_size=1, max_size=4), longest=st.sampled_from([0, 700]))
    def place(self, asked: list[Demand], longest: int) -> None:
        items = []
        for demand in asked:
            self.count += 1
            workload = Workload(f"w{self.count}", "t", demand, duration_s_max=longest)
            items.append(PlaceItem(f"p{self.count}", 1, workload))
        self.apply(Place(tuple(items)))

    def name(self, pick: int) -> str:
        return f"p{pick % self.count + 1}"

    @precondition(lambda self: self.count)
    @rule(pick=st.integers(0), late_ms=st.integers(-SLOT_MS, SLOT_MS), state=st.integers(0, 2))
    def report(self, pick: int, late_ms: int, state: int) -> None:
        at_ms = self.now_ms - late_ms
        report = RunReport(self.name(pick), state == 0, state == 2, at_ms, energy_ws=5)
        self.apply(ReportRuns((report,)))

    @precondition(lambda self: self.count)
    @rule(pick=st.integers(0))
    def release(self, pick: int) -> None:
        self.apply(Release(self.name(pick), "enough"))

    @rule(minutes=st.integers(1, 100))
    def tick(self, minutes: int) -> None:
        self.now_ms += minutes * 60_000
        self.apply(Tick(self.now_ms))

    @rule(c=st.sampled_from(list(Condition)), on=st.booleans(), who=st.sets(st.integers(0, 14)))
    def condition(self, c: Condition, on: bool, who: set[int]) -> None:
        self.apply(ChangeCondition(c, on, tuple(sorted(who))))

    @rule(on=st.booleans(), which=st.integers(0, 2), racks=st.sets(st.integers(0, 3), max_size=2))
    def quarantine(self, on: bool, which: int, racks: set[int]) -> None:
        closed = Quarantine(f"d{which}", tuple(f"r{n}" for n in sorted(racks)))
        self.apply(DirectQuarantine(closed, on, "test"))

    @rule(n=st.integers(0, 1), units=st.integers(1, 8), start=st.integers(-1, 3))
    def reserve(self, n: int, units: int, start: int) -> None:
        start_ms = self.now_ms // SLOT_MS * SLOT_MS + start * SLOT_MS
        kind = ("general", "A100")[n]
        self.apply(
            Reservation(f"lease-{n}", "t", kind, units, start_ms, start_ms + 2 * SLOT_MS, 77)
        )

    @rule(fleet=st.lists(servers, max_size=12))
    def adopt(self, fleet: list[Server]) -> None:
        self.revision += 1
        self.apply(ServerSet(self.revision, tuple(fleet)))

    @invariant()
    def capacity_is_what_live_placements_leave(self) -> None:
        capacity = self.site.capacity
        cpu = [s.cpu_milli for s in capacity.servers]
        memory = [s.memory_mib for s in capacity.servers]
        devices = [[WHOLE] * s.accelerators for s in capacity.servers]
        for placement in self.site.placements.values():
            if not placement.live:
                continue
            asked = placement.workload.demand.resources
            assert len(placement.allocations) == placement.workload.demand.replicas
            for server, used, milli in placement.allocations:
                cpu[server] -= asked.cpu_milli
                memory[server] -= asked.memory_mib
                assert len(used) == asked.accelerators
                for device in used:
                    devices[server][device] -= milli
        free = [capacity.free(server) for server in range(len(cpu))]
        left = zip(cpu, memory, devices, strict=True)
        assert free == [(c, m, tuple(sorted(d))) for c, m, d in left]
        assert min((*cpu, *memory, *(m for d in devices for m in d)), default=0) >= 0

    @invariant()
    def rebuild_is_the_state(self) -> None:
        for history in (self.journal, _compacted(self.journal)):
            rebuilt = Site("s")
            for event in history:
                rebuilt.apply(event)
            assert _picture(rebuilt) == _picture(self.site)

    @invariant()
    def usage_has_no_hole(self) -> None:
        for name, placement in self.site.placements.items():
            billed = [u for u in self.usages if u.placement.placement_id == name]
            at_ms = placement.run.started_at_ms
            for usage in (u for u in billed if u.kind is not UsageKind.STARTED):
                assert usage.start_ms == at_ms
                at_ms = usage.end_ms
            if at_ms and not placement.live:
                assert at_ms == placement.run.ended_at_ms

    @invariant()
    def what_is_out_takes_nothing(self) -> None:
        out = {server for servers in self.site.out.values() for server in servers}
        capacity = self.site.capacity
        assert all(capacity.barred(server) for server in out if capacity.knows(server))
        for kind, pool in capacity.pools.items():
            open_now = [
                capacity.free(server)
                for server, said in enumerate(capacity.servers)
                if (said.class_id, said.executor) == kind and not capacity.barred(server)
            ]
            assert sum(count for _, count in pool.states()) == pool.servers == len(open_now)
            assert pool.cpu_milli == sum(free[0] for free in open_now)
            assert pool.device_milli == sum(sum(free[2]) for free in open_now)


def _picture(site: Site) -> dict[str, object]:
    known = {k: getattr(site, k) for k in attributes(Site) if not k.startswith("_")}
    facts = {k: v for k, v in known.items() if k not in ("capacity", "hunt")}
    capacity = site.capacity
    pools = {
        kind: (sorted(pool.states()), pool.cpu_milli, pool.memory_mib, pool.device_milli)
        for kind, pool in capacity.pools.items()
    }
    return {**facts, "order": list(site.finished), "pools": pools, "offer": offer_of(site)}


def _compacted(journal: list[PlaceEvent]) -> list[PlaceEvent]:
    """The last event of each key, in the order in which they were written."""
    newest: dict[object, PlaceEvent] = {}
    for event in journal:
        key: object = (type(event).__name__, *event[:1])
        if isinstance(event, ServerSet | SiteFacts | MixLearned | ClockMoved):
            key = type(event)
        elif type(event).__name__ == "ReservationChanged":
            key = ("lease", event.reservation.lease_id)
        elif type(event).__name__ == "PlacementForgotten":
            newest.pop(("Placement", event.placement_id), None)
            continue
        newest.pop(key, None)
        newest[key] = event
    return list(newest.values())


PlaceMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestPlaceMachine = PlaceMachine.TestCase


def test_a_started_run_is_billed_by_slots_and_to_its_end() -> None:
    site = Site("s")
    fleet = (Server("r", "general", "fleet", 4_000, 4_096, 0),)
    workload = Workload("w", "t", Demand(Resources(1_000, 100)))
    start = START_MS + 60_000
    owed = []
    for command, at_ms in (
        (FACTS, start),
        (ServerSet(1, fleet), start),
        (Place((PlaceItem("p", 1, workload),)), start),
        (ReportRuns((RunReport("p", True, False, start),)), start),
        (Tick(START_MS + 2 * SLOT_MS + 120_000), start),
        (ReportRuns((RunReport("p", False, False, START_MS + 4 * SLOT_MS),)), START_MS * 2),
    ):
        for event in step(site, command, at_ms, POLICY):
            owed.extend(site.owed(event))

    spans = [
        ((u.start_ms - START_MS) // 60_000, (u.end_ms - START_MS) // 60_000) for u in owed[:-1]
    ]
    assert spans == [(1, 1), (1, 15), (15, 30), (30, 45), (45, 60)]
    assert [u.kind for u in owed[:-1]][-1] is UsageKind.ENDED
    assert site.placements["p"].state is PlacementState.ENDED
    assert site.capacity.free(0) == (4_000, 4_096, ())
