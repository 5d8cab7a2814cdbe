"""Pools under any history: their sums and summaries are those of their servers in service, and best
fit takes the server that is left with least."""

from __future__ import annotations

from hexi_scheduler.domain.facts import Condition, Server
from hexi_scheduler.domain.place.capacity import Capacity
from hexi_scheduler.domain.place.policy import BestFit
from hexi_scheduler.domain.place.pool import Pool
from hexi_scheduler.domain.placement import Allocation
from hexi_scheduler.domain.workload import WHOLE, Resources
from hypothesis import given
from hypothesis import strategies as st

servers = st.builds(
    lambda kind, cpu, memory, devices: Server(
        "r", kind, "fleet", cpu, memory, 0 if kind == "general" else devices
    ),
    st.sampled_from(["general", "T4"]),
    st.integers(1, 8).map(lambda n: n * 1_000),
    st.integers(1, 4).map(lambda n: n * 1_024),
    st.integers(1, 3),
)
shapes = st.builds(
    Resources,
    st.integers(1, 3_000),
    st.integers(0, 1_024),
    st.integers(0, 2),
    st.sampled_from([WHOLE, 500, 250]),
)


def one_pool(*free: tuple[int, int, tuple[int, ...]]) -> Capacity:
    """Servers that have exactly this much free."""
    capacity = Capacity([Server("r", "T4", "fleet", c, m, len(d)) for c, m, d in free])
    for server, (_, _, devices) in enumerate(free):
        for device, milli in enumerate(devices):
            used = Allocation(server, (device,), WHOLE - milli)
            capacity.take(used, Resources(0, 0, 1, WHOLE - milli))
    return capacity


def best_fit(capacity: Capacity, asked: Resources) -> int | None:
    found = BestFit().choose(capacity, None, (tuple(capacity.pools.values()),), asked)
    return found.server if found else None


def counted(capacity: Capacity, pool: Pool) -> list[tuple[int, int, tuple[int, ...]]]:
    return [
        capacity.free(server)
        for server in range(len(capacity.servers))
        if capacity.pool(server) is pool and not capacity.barred(server)
    ]


@given(
    fleet=st.lists(servers, min_size=1, max_size=6),
    asked=st.lists(shapes, max_size=12),
    out=st.sets(st.integers(0, 5)),
    shape=shapes,
)
def test_sums_are_those_of_the_servers_in_service(
    fleet: list[Server], asked: list[Resources], out: set[int], shape: Resources
) -> None:
    capacity = Capacity(fleet)
    for number, resources in enumerate(asked):
        if number == len(asked) // 2:
            capacity.bar(Condition.HOT, out)
        found = BestFit().choose(capacity, None, (tuple(capacity.pools.values()),), resources)
        if found is not None:
            capacity.take(found, resources)

    for pool in capacity.pools.values():
        free = counted(capacity, pool)
        assert pool.servers == len(free)
        assert pool.cpu_milli == sum(cpu for cpu, _, _ in free)
        assert pool.memory_mib == sum(memory for _, memory, _ in free)
        assert pool.device_milli == sum(sum(devices) for _, _, devices in free)
        assert sorted(f for f, n in pool.states() for _ in range(n)) == sorted(free)
        assert pool.most() == (
            max((cpu for cpu, _, _ in free), default=0),
            max((memory for _, memory, _ in free), default=0),
        )
        wholes = [devices.count(WHOLE) for _, _, devices in free]
        assert pool.with_wholes(3) == tuple(sum(w >= n for w in wholes) for n in (1, 2, 3))
        general = pool.kind[0] == "general"
        assert pool.units_free == sum(
            w if not general else f[0] // 1_000 for w, f in zip(wholes, free, strict=True)
        )
        fits = [
            sum(m >= shape.device_milli for m in devices) >= shape.accelerators
            and cpu >= shape.cpu_milli
            and memory >= shape.memory_mib
            for cpu, memory, devices in free
        ]
        assert pool.short_of(shape)[3] == sum(fits)
        assert sum(pool.short_of(shape)) == len(free)


def test_among_equal_devices_least_vcpu_then_least_memory_wins() -> None:
    capacity = one_pool((9_000, 100, ()), (4_500, 90, ()), (4_500, 80, ()))

    assert best_fit(capacity, Resources(4_000, 64)) == 2
    assert best_fit(capacity, Resources(4_000, 85)) == 1
    assert best_fit(capacity, Resources(4_501, 64)) == 0
    assert best_fit(capacity, Resources(9_001, 1)) is None


def test_a_share_breaks_a_whole_device_only_when_no_broken_one_holds_it() -> None:
    capacity = one_pool(
        (8_000, 100, (WHOLE, WHOLE)),
        (8_000, 100, (300, WHOLE)),
        (8_000, 100, (600, WHOLE)),
    )

    assert best_fit(capacity, Resources(1_000, 1, 1, 250)) == 1
    assert best_fit(capacity, Resources(1_000, 1, 1, 500)) == 2
    assert best_fit(capacity, Resources(1_000, 1, 1, 700)) == 1
    assert best_fit(capacity, Resources(1_000, 1, 2, WHOLE)) == 0
