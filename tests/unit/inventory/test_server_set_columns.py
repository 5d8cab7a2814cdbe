"""Goal: only sound columns become a revision, and a difference counts every server once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hexi_inventory.domain.server_set import ServerSet, difference, problems
from hypothesis import given
from hypothesis import strategies as st

GOOD = ServerSet(
    site_id="s",
    racks=("r1", "r2"),
    rack_index=(0, 0, 1),
    models=("m",),
    model_index=(0, 0, 0),
    cpu_milli=(64_000,) * 3,
    memory_mib=(1_024,) * 3,
    accelerator_models=("T4",),
    accelerator_index=(1, 0, 1),
    accelerators=(2, 0, 4),
    power_limit_w=(800,) * 3,
    executors=("fleet", "host"),
    executor_index=(0, 0, 1),
)


def of(servers: list[tuple[int, int]]) -> ServerSet:
    """Servers given as (rack, cpu)."""
    count = len(servers)
    return ServerSet(
        "s",
        tuple(f"r{i}" for i in range(4)),
        tuple(rack for rack, _ in servers),
        ("m",),
        (0,) * count,
        tuple(cpu for _, cpu in servers),
        (1,) * count,
        (),
        (0,) * count,
        (0,) * count,
        (1,) * count,
        (),
        (),
    )


def test_sound_columns_have_no_problem() -> None:
    assert problems(GOOD) == []
    assert problems(replace(GOOD, executors=(), executor_index=())) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("racks", ("r1", "r1")),
        ("racks", ("r1", "")),
        ("racks", ("r1", "r\x00")),
        ("racks", ("r1", "x" * 65)),
        ("rack_index", ()),
        ("rack_index", (0, 0, 2)),
        ("model_index", (0, 0)),
        ("model_index", (0, 0, 1)),
        ("cpu_milli", (0, 1, 1)),
        ("cpu_milli", (1, 1, 4_096_001)),
        ("memory_mib", (1, 1)),
        ("memory_mib", (0, 1, 1)),
        ("accelerator_index", (2, 0, 1)),
        ("accelerators", (2, 0, 65)),
        ("accelerators", (2, 1, 4)),
        ("accelerators", (0, 0, 4)),
        ("power_limit_w", (0, 1, 1)),
        ("executor_index", (0, 0)),
        ("executor_index", (0, 0, 2)),
        ("executors", ("fleet", "fleet")),
        ("executor_index", ()),
    ],
)
def test_unsound_column_is_named(field: str, value: tuple[object, ...]) -> None:
    assert field in {name for name, _ in problems(replace(GOOD, **{field: value}))}


def test_first_set_is_all_new() -> None:
    assert difference(None, GOOD).added == 3


def test_order_of_dictionaries_is_no_change() -> None:
    turned = replace(GOOD, racks=("r2", "r1"), rack_index=(1, 1, 0))
    assert not difference(GOOD, turned)


SERVERS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3)), min_size=1, max_size=12)


@given(SERVERS, SERVERS)
def test_every_server_is_kept_changed_added_or_removed(
    old: list[tuple[int, int]], new: list[tuple[int, int]]
) -> None:
    change = difference(of(old), of(new))
    kept = sum(a == b for a, b in zip(old, new, strict=False))

    assert kept + change.changed + change.removed == len(old)
    assert kept + change.changed + change.added == len(new)
    assert bool(change) == (old != new)
