"""The pool's index against a plain scan: the same server, whatever came and went before."""

from __future__ import annotations

from hexi_scheduler.domain.pool import Free, Pool
from hexi_scheduler.domain.workload import WHOLE, Resources
from hypothesis import given, settings
from hypothesis import strategies as st

devices = st.lists(st.sampled_from([0, 1, 250, 300, 700, WHOLE, WHOLE, WHOLE]), max_size=4)
frees = st.builds(
    lambda cpu, memory, milli: (cpu, memory, tuple(sorted(milli))),
    st.integers(0, 5_000),
    st.integers(0, 5_000),
    devices,
)
asks = st.builds(
    lambda cpu, memory, count, milli: Resources(cpu, memory, count, milli),
    st.integers(1, 4_000),
    st.integers(0, 4_000),
    st.integers(0, 3),
    st.sampled_from([WHOLE, WHOLE, 250, 500, 7]),
)


def fits(free: Free, asked: Resources) -> bool:
    enough = sum(milli >= asked.device_milli for milli in free[2]) >= asked.accelerators
    return free[0] >= asked.cpu_milli and free[1] >= asked.memory_mib and enough


@settings(max_examples=300, deadline=None)
@given(st.lists(frees, max_size=12), st.lists(st.tuples(st.integers(0, 11), frees)), asks)
def test_it_finds_room_exactly_where_a_scan_does(
    fleet: list[Free], moves: list[tuple[int, Free]], asked: Resources
) -> None:
    pool, now = Pool(), dict(enumerate(fleet))
    for server, free in now.items():
        pool.add(server, free)
    for server, free in moves:
        if server in now:
            pool.remove(server)
            pool.add(server, free)
            now[server] = free

    found = pool.best_fit(asked)

    able = {server for server, free in now.items() if fits(free, asked)}
    assert (found in able) if able else found is None
    assert pool.cpu_milli == sum(free[0] for free in now.values())
    assert pool.device_milli == sum(sum(free[2]) for free in now.values())


@settings(max_examples=200, deadline=None)
@given(st.lists(frees, max_size=12), st.lists(st.tuples(st.integers(0, 11), frees)), asks)
def test_its_choice_does_not_remember_how_servers_came(
    fleet: list[Free], moves: list[tuple[int, Free]], asked: Resources
) -> None:
    travelled, now = Pool(), dict(enumerate(fleet))
    for server, free in now.items():
        travelled.add(server, free)
    for server, free in moves:
        if server in now:
            travelled.remove(server)
            travelled.add(server, free)
            travelled.best_fit(asked)
            now[server] = free
    fresh = Pool()
    for server in sorted(now, reverse=True):
        fresh.add(server, now[server])

    assert travelled.best_fit(asked) == fresh.best_fit(asked)


def test_plain_servers_are_filled_by_least_left_vcpu_then_memory_then_index() -> None:
    pool = Pool()
    for server, free in enumerate(
        [(9_000, 64, ()), (4_500, 90, ()), (4_500, 80, ()), (4_500, 80, ())]
    ):
        pool.add(server, free)

    assert pool.best_fit(Resources(4_000, 64)) == 2
    assert pool.best_fit(Resources(4_000, 85)) == 1
    assert pool.best_fit(Resources(4_501, 64)) == 0
    assert pool.best_fit(Resources(9_001, 1)) is None


def test_a_share_goes_to_a_broken_device_before_it_breaks_a_whole_one() -> None:
    pool = Pool()
    pool.add(0, (8_000, 64, (WHOLE, WHOLE)))
    pool.add(1, (9_000, 64, (300, WHOLE)))
    pool.add(2, (9_000, 64, (600,)))

    assert pool.best_fit(Resources(1_000, 1, 1, 250)) == 1
    assert pool.best_fit(Resources(1_000, 1, 1, 500)) == 2
    assert pool.best_fit(Resources(1_000, 1, 1, 700)) == 1
    assert pool.best_fit(Resources(1_000, 1, 2, WHOLE)) == 0
