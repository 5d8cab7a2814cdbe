"""Goal: the copy that the api asks is the site that decided, and what it says is counted right.

Method: random commands through the real step; their journal entries, as bytes, into the copy. Then
every server is compared, every filter is counted by hand, and the start is asked of PLACE itself.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hexi.common.v1 import common_pb2
from hexi.inventory.v1 import inventory_pb2
from hexi.scheduler.v1 import workload_pb2
from hexi_scheduler.domain.explain.why_place import Wanted, look
from hexi_scheduler.domain.explain.why_start import start_in
from hexi_scheduler.domain.facts import Condition, SiteFacts
from hexi_scheduler.domain.place.leases import FOREVER_MS
from hexi_scheduler.domain.place.place_commands import (
    ChangeCondition,
    Place,
    PlaceCommand,
    PlaceItem,
    Release,
)
from hexi_scheduler.domain.place.policy import Packing
from hexi_scheduler.domain.place.run_report import ReportRuns, RunReport
from hexi_scheduler.domain.place.shadow import shadow
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.step_place import step
from hexi_scheduler.domain.workload import FLEET, Demand, Resources
from hexi_scheduler.settings import packing_rules
from hexi_scheduler.store.fleet import FleetView
from hexi_scheduler.store.view import WorkloadView
from hexi_scheduler.wire import place_journal
from hexi_scheduler.wire.facts import server_set
from hexi_scheduler.wire.workload import WorkloadReader

POLICY = Packing(packing_rules())
FACTS = SiteFacts(1, True, "gansu", 3, True, 1_200, 200, (("A100", 9), ("T4", 3), ("general", 1)))
SERVERS, COMMANDS, NOW_MS = 40, 120, 1_800_000_000_000
MODELS = ["A100", "T4"]
CLASSES = frozenset({"general", *MODELS})


def fleet_of(chance: random.Random, revision: int) -> inventory_pb2.ServerSet:
    kinds = [chance.randrange(3) for _ in range(SERVERS)]
    return inventory_pb2.ServerSet(
        site_id="s",
        revision=revision,
        racks=["r1", "r2"],
        rack_index=[chance.randrange(2) for _ in kinds],
        cpu_milli=[chance.choice([8_000, 16_000]) for _ in kinds],
        memory_mib=[32_768 for _ in kinds],
        accelerator_models=MODELS,
        accelerator_index=kinds,
        accelerators=[4 * bool(kind) for kind in kinds],
    )


class Pair:
    """A site that decides and its copy, which hears its journal."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.site, self.view, self.reader = Site("s"), WorkloadView(), WorkloadReader()
        self.copy = FleetView(self.view.placements_of, self.view.placement)
        self.now_ms, self.count, self.offset = NOW_MS, 0, 0
        self.do(FACTS)
        self.do(server_set(fleet_of(self.chance, 1)))

    def do(self, command: PlaceCommand) -> None:
        self.now_ms += 1_000
        events = step(self.site, command, self.now_ms, POLICY)
        self.offset += 1
        for key, value in place_journal.entries("s", events, 0, self.offset):
            self.copy.apply(key.decode(), value)
            self.view.apply_placement(key.decode(), value)

    def place(self) -> None:
        self.count += 1
        devices = self.chance.choice([0, 0, 1, 1, 2, 4])
        spec = workload_pb2.WorkloadSpec(
            replicas=self.chance.choice([1, 1, 1, 3]),
            duration_s_max=self.chance.choice([0, 600, 6_000]),
            resources=common_pb2.Resources(
                cpu_milli=self.chance.choice([500, 2_000, 7_000]),
                memory_mib=self.chance.choice([0, 4_096, 20_000]),
                accelerators=devices,
                accelerator_milli=self.chance.choice([0, 250]) if devices == 1 else 0,
                accelerator_models=self.chance.choice([[], ["A100"], MODELS]) if devices else [],
            ),
        )
        message = workload_pb2.Workload(workload_id=f"w{self.count}", tenant_id="t", spec=spec)
        self.do(Place((PlaceItem(f"p{self.count}", 1, self.reader.read(message)),)))

    def report(self) -> None:
        name, end = self.any_name(), self.chance.random() < 0.5
        report = RunReport(name, started=not end, failed=False, at_ms=self.now_ms)
        self.do(ReportRuns((report,)))

    def condition(self) -> None:
        servers = tuple(self.chance.sample(range(SERVERS), 3))
        wanted = self.chance.choice([Condition.HOT, Condition.SILENT])
        self.do(ChangeCondition(wanted, self.chance.random() < 0.7, servers))

    def any_name(self) -> str:
        return f"p{self.chance.randrange(max(1, self.count)) + 1}"

    def run(self) -> None:
        for number in range(COMMANDS):
            roll = self.chance.random()
            if roll < 0.6:
                self.place()
            elif roll < 0.75:
                self.do(Release(self.any_name(), ""))
            elif roll < 0.9:
                self.report()
            elif number > COMMANDS // 2 and roll < 0.91:
                self.do(server_set(fleet_of(self.chance, self.offset)))
            else:
                self.condition()


def demands(chance: random.Random) -> list[Demand]:
    asked = [
        Resources(7_000, 20_000),
        Resources(500, 0, 1, 250),
        Resources(2_000, 4_096, 4, 1_000, ("A100",)),
        Resources(16_000, 32_768, 2),
    ]
    return [Demand(resources, chance.choice([1, 3, 20])) for resources in asked]


def test_every_server_of_the_copy_is_as_the_site_has_it() -> None:
    for seed in range(12):
        pair = Pair(seed)
        pair.run()

        servers = pair.copy.fleet.at("s")
        for server in range(SERVERS):
            capacity = pair.site.capacity
            assert servers.free(server) == tuple(capacity.free(server))
            assert servers.devices(server) == list(capacity.devices(server))[:4]
            every_kind = frozenset(pair.copy.fleet.stocks)
            assert servers.serves(server, every_kind) is not capacity.barred(server)


@pytest.mark.parametrize("seed", range(8))
def test_filters_count_what_is_counted_by_hand(seed: int) -> None:
    pair = Pair(seed)
    pair.run()
    for demand in demands(pair.chance):
        wanted = frozenset(c for c in CLASSES if demand.accepts_class(c))
        looked = look(pair.copy.fleet, demand, {"s": Wanted(wanted)})
        found = {f.name: f.servers_removed for f in looked.filters}

        by_hand = Counter(first_lack(pair.site, server, demand) for server in range(SERVERS))
        by_hand.pop("", 0)
        found.pop("gang", 0)
        assert found == by_hand
        for miss in looked.misses:
            if miss.server is not None:
                assert miss.found < miss.asked
                free = pair.site.capacity.free(miss.server)
                shown = {"cpu": free[0], "memory": free[1]}.get(miss.dimension, miss.found)
                assert miss.found == shown


def first_lack(site: Site, server: int, demand: Demand) -> str:
    """The first filter that takes the server away; nothing when none does."""
    asked, capacity = demand.resources, site.capacity
    cpu, memory, devices = capacity.free(server)
    enough = sum(milli >= asked.device_milli for milli in devices) >= asked.accelerators
    short = "accelerators" if asked.device_milli == 1_000 else "device_share"
    lacks = [
        ("model", not demand.accepts_class(capacity.servers[server].class_id)),
        ("condition", capacity.barred(server)),
        (short, not enough),
        ("cpu", cpu < asked.cpu_milli),
        ("memory", memory < asked.memory_mib),
    ]
    return next((name for name, holds in lacks if holds), "")


@pytest.mark.parametrize("seed", range(8))
def test_the_start_is_the_one_place_itself_expects(seed: int) -> None:
    pair = Pair(seed)
    pair.run()
    for demand in demands(pair.chance)[2:3]:
        looked = look(pair.copy.fleet, demand, {"s": Wanted(frozenset({"A100"}))})
        if looked.replicas.get("s", 0) >= demand.replicas:
            continue
        kinds = frozenset({("A100", FLEET)})
        now = looked.replicas.get("s", 0)
        found = start_in(pair.copy.fleet, "s", demand, kinds, now, pair.copy.endings("s"))

        expected = shadow(pair.site, demand, pair.now_ms, pair.site.kept)
        known = expected is not None and expected.start_ms < FOREVER_MS
        assert found == (expected.start_ms if known else None)
