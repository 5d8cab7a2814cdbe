"""The compiled search against the same rule written out plainly: worth before less worth after,
over every server and every device, and the total order on ties."""

from __future__ import annotations

import numpy as np
from hexi_scheduler.domain.facts import Condition, Server
from hexi_scheduler.domain.packing.board import Board
from hexi_scheduler.domain.packing.columns import CPU_TOTAL
from hexi_scheduler.domain.packing.mix import Bid, MixLearned, Seen, Shape
from hexi_scheduler.domain.packing.rules import PackingRules
from hexi_scheduler.domain.packing.tables import prices_of, tables_of
from hexi_scheduler.domain.packing.worth import flat, unfolded
from hexi_scheduler.domain.place.capacity import Capacity, Tiers
from hexi_scheduler.domain.place.policy import Allowed
from hexi_scheduler.domain.placement import Allocation
from hexi_scheduler.domain.workload import WHOLE, Resources
from hexi_scheduler.settings import packing_rules
from hypothesis import given, settings
from hypothesis import strategies as st

RULES = packing_rules()
SEEN = tuple(
    Seen(Shape(*shape), count, count)
    for shape, count in (
        ((1_000, 1, 300, ()), 40),
        ((2_000, 1, 500, ("T4",)), 30),
        ((4_000, 1, WHOLE, ()), 50),
        ((8_000, 2, WHOLE, ()), 20),
        ((3_000, 0, 0, ()), 25),
    )
)
MIX = MixLearned(
    1,
    165,
    SEEN,
    (Bid("T4", "fleet", 700, 3), Bid("A100", "fleet", 900, 2)),
    1,
    165,
    ((300, 250_000), (500, 480_000)),
    1_500,
)
servers = st.builds(
    lambda kind, cpu, memory, devices: Server(
        "r", kind, "fleet", cpu, memory, 0 if kind == "general" else devices
    ),
    st.sampled_from(["general", "T4", "A100"]),
    st.integers(2, 40).map(lambda n: n * 1_000),
    st.integers(1, 8).map(lambda n: n * 512),
    st.integers(1, 4),
)
shapes = st.builds(
    Resources,
    st.sampled_from([1_000, 1_500, 2_000, 4_000]),
    st.sampled_from([0, 200, 900]),
    st.integers(0, 3),
    st.sampled_from([WHOLE, WHOLE, 500, 300, 70]),
)


class Plain:
    """Tables as they are, and Python."""

    def __init__(self, capacity: Capacity, mix: MixLearned | None) -> None:
        self.capacity, self.tables = capacity, unfolded(tables_of(capacity, RULES, mix))
        self.prices = prices_of(capacity, mix)

    def worth(self, pool: int, cpu: int, devices: list[int]) -> int:
        t = self.tables
        step = sum(asked <= cpu for asked in t.cpu_steps.tolist())
        worth = sum(int(t.device[pool, step, milli // 10]) for milli in devices)
        worth += int(t.wholes[pool, step, devices.count(WHOLE)])
        return worth - int(t.stranded[pool, cpu // 1_000, -(-sum(devices) // 100)])

    def watts(self, pool: int, total: int, cpu: int) -> int:
        cores = -(-total // 2_000) - cpu // 2_000
        return -(-cores // 16) * int(self.tables.package[pool])

    def choose(self, tiers: Tiers, asked: Resources, allowed: Allowed) -> Allocation | None:
        for pools in tiers:
            options = [
                option
                for server in range(len(self.capacity.servers))
                if not self.capacity.barred(server) and (allowed is None or allowed[server])
                if self.capacity.pool(server) in pools
                for option in self.options(server, asked)
            ]
            if options:
                return min(options)[3]
        return None

    def options(self, server: int, asked: Resources) -> list[tuple[int, int, int, Allocation]]:
        cpu, memory, _ = self.capacity.free(server)
        devices = self.capacity.devices(server)
        if cpu < asked.cpu_milli or memory < asked.memory_mib:
            return []
        count, milli = asked.accelerators, asked.device_milli
        room = sorted((m, d) for d, m in enumerate(devices) if m >= milli)
        if len(room) < count:
            return []
        ways = [(d,) for _, d in room] if count == 1 else [tuple(d for _, d in room[:count])]
        pool, made = self.capacity.pool(server).number, []
        for way in ways:
            after = [m - milli if d in way else m for d, m in enumerate(devices)]
            if not count:
                way, milli = (), 0
            left = cpu - asked.cpu_milli
            total = self.capacity.servers[server].cpu_milli
            cost = self.worth(pool, cpu, devices) - self.worth(pool, left, after)
            cost += (
                left * RULES.leftover_cpu_ppm + sum(after) * RULES.leftover_device_ppm
            ) // 10**6
            cost += self.watts(pool, total, left) - self.watts(pool, total, cpu)
            device, vcpu = self.prices[pool]
            cost += asked.cpu_milli * vcpu + count * milli * device
            way = tuple(sorted(way))
            made.append((cost, server, way[0] if way else 0, Allocation(server, way, milli)))
        return made


@settings(max_examples=120, deadline=None)
@given(
    fleet=st.lists(servers, min_size=1, max_size=8),
    asked=st.lists(st.tuples(shapes, st.integers(0, 9)), max_size=20),
    mix=st.sampled_from([None, MIX]),
)
def test_it_finds_what_a_plain_scan_finds(
    fleet: list[Server], asked: list[tuple[Resources, int]], mix: MixLearned | None
) -> None:
    capacity = Capacity(fleet)
    board, plain = Board(capacity, RULES, mix), Plain(capacity, mix)
    pools, placed = tuple(capacity.pools.values()), []
    ways: list[Tiers] = [(pools,), tuple((pool,) for pool in pools), (pools[1:], pools[:1])]
    for turn, (resources, other) in enumerate(asked):
        if other == 1:
            capacity.bar(Condition.HOT, {turn % len(fleet)})
        if other == 2 and placed:
            capacity.give(*placed.pop(0))
        allowed = np.arange(len(fleet)) % 2 == 0 if other == 3 else None

        tiers = ways[(turn + other) % len(ways)]

        found = board.choose(tiers, resources, allowed)

        assert found == plain.choose(tiers, resources, allowed)
        if found is not None:
            assert capacity.fits(found, resources)
            capacity.take(found, resources)
            placed.append((found, resources))


def test_tables_fold_and_unfold() -> None:
    capacity = Capacity([Server("r", "T4", "fleet", 8_000, 64, 3)])
    tables = tables_of(capacity, RULES, MIX)

    again = flat(unfolded(tables))

    assert np.array_equal(tables, again)
    assert capacity.columns.cells[0, CPU_TOTAL] == 8_000


def test_before_anything_came_a_broken_device_breaks_on() -> None:
    capacity = Capacity([Server("r", "T4", "fleet", 8_000, 64, 2) for _ in range(2)])
    board, pools = Board(capacity, RULES, None), tuple(capacity.pools.values())
    share = Resources(1_000, 1, 1, 250)
    first = board.choose((pools,), share, None)
    assert first == Allocation(0, (0,), 250)

    capacity.take(first, share)

    assert board.choose((pools,), share, None) == first


def test_more_shapes_than_rows_are_decided_alike() -> None:
    fleet = [Server("r", "general", "fleet", 64_000, 4_096, 0) for _ in range(3)]
    capacity = Capacity(fleet)
    rules = PackingRules(leftover_cpu_ppm=1_000_000)
    board, pools = Board(capacity, rules, None), tuple(capacity.pools.values())
    for turn in range(600):
        asked = Resources(1 + turn % 300, 1)
        found = board.choose((pools,), asked, None)
        assert found == Allocation(0, (), 0)
        if turn % 7 == 0:
            capacity.take(found, asked)
