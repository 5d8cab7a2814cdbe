"""What a site keeps back, under any history: isolation, groups, spread, closures, spare, loss.

A state machine drives `step` with all constraints and closures at once. After each command the
rules are checked on the live placements themselves; and a site rebuilt from the newest journal
record of each key, read back from the wire, is the state that was.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from hexi.inventory.v1 import inventory_pb2
from hexi.scheduler.v1 import workload_pb2
from hexi_scheduler.domain.closures import SITE_LOST, Drain, RackPower, SiteLoss
from hexi_scheduler.domain.facts import Condition
from hexi_scheduler.domain.keep import HeadroomRules, KeepRules, PenaltyRules, SpareRules
from hexi_scheduler.domain.owed import SLOT_MS
from hexi_scheduler.domain.place.bounds import bounds_of
from hexi_scheduler.domain.place.closure_commands import DeclareLoss, DirectDrain, MeasureRacks
from hexi_scheduler.domain.place.place_commands import Place, PlaceCommand, PlaceItem, Release, Tick
from hexi_scheduler.domain.place.policy import BestFit
from hexi_scheduler.domain.place.run_report import ReportRuns, RunReport
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.site_offer import offer_of
from hexi_scheduler.domain.place.step_place import step
from hexi_scheduler.domain.placement import Placement
from hexi_scheduler.domain.rules import Rules
from hexi_scheduler.wire.facts import server_set, site_facts
from hexi_scheduler.wire.place_journal import entries, entry
from hexi_scheduler.wire.workload import WorkloadReader
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

START_MS = 1_800_000_000_000 // SLOT_MS * SLOT_MS
MINUTE_MS = 60_000
READER = WorkloadReader()
RACKS = ("r0", "r1", "r2", "r3")
FEEDS = {"r0": "a", "r1": "a", "r2": "b", "r3": "b"}
LIMIT_W = 2_000
RULES = Rules(
    keep=KeepRules(
        SpareRules(700, (("A100", 250),)),
        HeadroomRules(1_000, 10 * MINUTE_MS, (("A100", 400), ("general", 10))),
        PenaltyRules(2, 60 * MINUTE_MS, 5 * MINUTE_MS, 20 * MINUTE_MS),
        30 * MINUTE_MS,
    )
)
servers = st.tuples(st.sampled_from(range(4)), st.integers(1, 4), st.integers(1, 8))
some_racks = st.sets(st.sampled_from(RACKS), max_size=2).map(sorted)
specs = st.fixed_dictionaries(
    {
        "devices": st.integers(0, 2),
        "replicas": st.integers(1, 4),
        "isolated": st.booleans(),
        "group": st.sampled_from(["", "", "g"]),
        "spread": st.tuples(*[st.integers(0, 2)] * 3),
        "tenant": st.sampled_from(["t0", "t1"]),
        "priority": st.sampled_from([0, 700]),
        "minutes": st.sampled_from([0, 5, 90]),
        "interruptible": st.booleans(),
    }
)


def fleet_of(rows: list[tuple[int, int, int]], revision: int) -> inventory_pb2.ServerSet:
    """Each row a server: rack, accelerators, thousands of milli-vCPU."""
    return inventory_pb2.ServerSet(
        site_id="s",
        revision=revision,
        racks=RACKS,
        rack_index=[rack for rack, _, _ in rows],
        cpu_milli=[cpu * 1_000 for _, _, cpu in rows],
        memory_mib=[65_536] * len(rows),
        accelerator_models=["A100"],
        accelerator_index=[1] * len(rows),
        accelerators=[devices for _, devices, _ in rows],
        feeds=["a", "b"],
        feed_index=[0, 0, 1, 1],
        rack_power_limit_w=[LIMIT_W, LIMIT_W, 0, 0],
    )


class KeepingMachine(RuleBasedStateMachine):
    """One site, whose rules are checked on what lives in it."""

    @initialize(rows=st.lists(servers, min_size=1, max_size=8))
    def begin(self, rows: list[tuple[int, int, int]]) -> None:
        self.site, self.now_ms, self.count, self.revision = Site("s"), START_MS, 0, 1
        self.journal: dict[bytes, bytes | None] = {}
        self.watts: dict[str, int] = {}
        self.learn([])
        self.apply(server_set(fleet_of(rows, 1)))

    def learn(self, windows: list[inventory_pb2.Maintenance]) -> None:
        self.revision += 1
        message = inventory_pb2.SiteRecorded(
            revision=self.revision,
            state=inventory_pb2.ADMISSION_STATE_ADMITTED,
            site=inventory_pb2.Site(site_id="s", maintenance=windows),
        )
        self.apply(site_facts(message))

    def apply(self, command: PlaceCommand) -> list[Placement]:
        events = step(self.site, command, self.now_ms, BestFit(), RULES)
        for key, value in entries("s", events, 0, 1):
            self.journal.pop(key, None)  # newest last, as a compacted log has it
            self.journal[key] = value
        assert not step(self.site, command, self.now_ms, BestFit(), RULES), "decided twice"
        return [event for event in events if isinstance(event, Placement)]

    @rule(said=specs, rescued=st.booleans())
    def place(self, said: dict, rescued: bool) -> None:
        self.count += 1
        message = workload_pb2.Workload(workload_id=f"w{self.count}", tenant_id=said["tenant"])
        spec, asked = message.spec, message.spec.constraints
        spec.resources.cpu_milli, spec.resources.accelerators = 500, said["devices"] or 1
        spec.replicas, spec.priority = said["replicas"], said["priority"]
        spec.duration_s_max, spec.interruptible = said["minutes"] * 60, said["interruptible"]
        asked.tenant_isolation, asked.anti_affinity_group = said["isolated"], said["group"]
        per_server, per_rack, per_feed = said["spread"]
        asked.replicas_per_server_max, asked.replicas_per_rack_max = per_server, per_rack
        asked.replicas_per_feed_max = per_feed
        workload = READER.read(message)
        bounds = bounds_of(self.site, workload, self.now_ms, RULES, rescued)
        free_before = self.units_free()
        item = PlaceItem(f"p{self.count}", 1, workload, rescued=rescued)
        (placement,) = self.apply(Place((item,)))
        if placement.live:
            racks = Counter(
                self.site.capacity.servers[a.server].rack for a in placement.allocations
            )
            self.stays_within_power(racks, workload.demand.resources.accelerators)
            if not rescued and said["priority"] < 700:
                left = free_before - workload.demand.units
                assert left >= bounds.spare_units("A100")
            assert self.site.keeping.loss is None
            self.ends_before_maintenance(placement)

    def units_free(self) -> int:
        return sum(pool.units_free for pool in self.site.capacity.pools.values())

    def stays_within_power(self, racks: Counter[str], devices: int) -> None:
        measured = dict(self.site.keeping.rack_power)
        for rack, replicas in racks.items():
            if rack in measured and rack in ("r0", "r1"):
                assert measured[rack] + replicas * devices * 400 <= LIMIT_W

    def ends_before_maintenance(self, placement: Placement) -> None:
        workload = placement.workload
        racks = {self.site.capacity.servers[a.server].rack for a in placement.allocations}
        for window in self.site.facts.maintenance:
            if window.end_ms <= self.now_ms or racks.isdisjoint(window.racks or RACKS):
                continue
            if workload.duration_s_max:
                assert self.now_ms + workload.duration_s_max * 1_000 < window.start_ms
            elif window.start_ms < self.now_ms + 30 * MINUTE_MS:
                assert workload.interruptible and window.start_ms > self.now_ms

    @precondition(lambda self: self.count)
    @rule(pick=st.integers(0), state=st.integers(0, 2))
    def report(self, pick: int, state: int) -> None:
        name = f"p{pick % self.count + 1}"
        self.now_ms += 1
        self.apply(ReportRuns((RunReport(name, state == 0, state == 2, self.now_ms),)))

    @precondition(lambda self: self.count)
    @rule(pick=st.integers(0))
    def release(self, pick: int) -> None:
        self.apply(Release(f"p{pick % self.count + 1}", "enough"))

    @rule(minutes=st.integers(1, 40))
    def tick(self, minutes: int) -> None:
        self.now_ms += minutes * MINUTE_MS
        self.apply(Tick(self.now_ms))
        drained = self.site.keeping.drains.values()
        over = [d for d in drained if d.evict_at_ms <= self.now_ms]
        for rack in {rack for d in over for rack in d.racks or RACKS}:
            assert rack not in self.racks_in_use()
        for window in self.site.facts.maintenance:
            if window.start_ms <= self.now_ms < window.end_ms:
                assert self.racks_in_use().isdisjoint(window.racks or RACKS)
        out = {f.server for f in self.site.keeping.failures if f.out_until_ms > self.now_ms}
        assert set(self.site.out.get(Condition.FAILING, ())) == out

    @rule(which=st.integers(0, 1), on=st.booleans(), racks=some_racks, grace=st.integers(0, 20))
    def drain(self, which: int, on: bool, racks: list[str], grace: int) -> None:
        evict_at_ms = self.now_ms + grace * MINUTE_MS
        self.apply(DirectDrain(Drain(f"d{which}", tuple(racks), (), evict_at_ms, "test"), on))

    @rule(start=st.integers(-5, 60), length=st.integers(1, 60), racks=some_racks)
    def announce(self, start: int, length: int, racks: list[str]) -> None:
        start_ms = self.now_ms + start * MINUTE_MS
        window = inventory_pb2.Maintenance(
            window_id="m", start_ms=start_ms, end_ms=start_ms + length * MINUTE_MS, racks=racks
        )
        self.learn([window])
        self.tick(1)

    @rule(rack=st.sampled_from(RACKS), power_w=st.integers(0, LIMIT_W + 100))
    def measure(self, rack: str, power_w: int) -> None:
        self.apply(MeasureRacks((RackPower(rack, power_w),), self.now_ms))

    @rule(active=st.sampled_from([False, False, False, True]), declared=st.booleans())
    def lose(self, active: bool, declared: bool) -> None:
        before = [p for p in self.site.placements.values() if p.live]
        known = self.site.keeping.loss
        evicted = self.apply(DeclareLoss(SiteLoss(self.now_ms, declared, "flood"), active))
        assert {p.placement_id for p in evicted} == {p.placement_id for p in before if active}
        urgency = [-p.workload.priority for p in evicted]
        assert urgency == sorted(urgency)
        assert all(p.reason.startswith(SITE_LOST) for p in evicted)
        if not active and known and known.declared and not declared:
            assert self.site.keeping.loss == known

    @rule(rows=st.lists(servers, min_size=1, max_size=8))
    def adopt(self, rows: list[tuple[int, int, int]]) -> None:
        self.revision += 1
        self.apply(server_set(fleet_of(rows, self.revision)))

    def live(self) -> list[Placement]:
        return [p for p in self.site.placements.values() if p.live]

    def racks_in_use(self) -> set[str]:
        known = self.site.capacity.servers
        return {known[a.server].rack for p in self.live() for a in p.allocations}

    @invariant()
    def isolated_work_is_alone_and_groups_are_apart(self) -> None:
        tenants, groups = defaultdict(set), defaultdict(list)
        isolated = set()
        for p in self.live():
            asked = p.workload.demand.constraints
            for server in {a.server for a in p.allocations}:
                tenants[server].add(p.workload.tenant_id)
                if asked.tenant_isolation:
                    isolated.add(server)
                if asked.anti_affinity_group:
                    groups[server, p.workload.tenant_id].append(p.placement_id)
        assert all(len(tenants[server]) == 1 for server in isolated)
        assert all(len(names) == 1 for names in groups.values())

    @invariant()
    def gangs_are_spread(self) -> None:
        for p in self.live():
            asked = p.workload.demand.constraints
            # A server set that moves servers to other racks moves their work along.
            if p.server_set_revision == self.site.server_set.revision:
                at = [(a.server, self.site.capacity.servers[a.server].rack) for a in p.allocations]
                for most, keys in (
                    (asked.replicas_per_server_max, [server for server, _ in at]),
                    (asked.replicas_per_rack_max, [rack for _, rack in at]),
                    (asked.replicas_per_feed_max, [FEEDS[rack] for _, rack in at]),
                ):
                    assert not most or max(Counter(keys).values()) <= most

    @invariant()
    def rebuild_is_the_state(self) -> None:
        rebuilt = Site("s")
        for value in self.journal.values():
            found = entry(value, READER) if value is not None else None
            if found is not None:
                rebuilt.apply(found[0])
        assert rebuilt.keeping == self.site.keeping
        assert rebuilt.out == self.site.out
        assert offer_of(rebuilt, RULES) == offer_of(self.site, RULES)
        for tenant in ("t0", "t1"):
            mine = self.site.keeping.neighbours(self.site.placements.values())
            theirs = rebuilt.keeping.neighbours(rebuilt.placements.values())
            assert (mine.alone_with(tenant) == theirs.alone_with(tenant)).all()
            assert (mine.open_to(tenant) == theirs.open_to(tenant)).all()
            assert (mine.without(tenant, "g") == theirs.without(tenant, "g")).all()


TestKeepingMachine = KeepingMachine.TestCase
TestKeepingMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
