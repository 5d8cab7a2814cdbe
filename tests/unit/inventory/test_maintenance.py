"""Windows, feeds and rack limits: what is sound comes back as it was, what is not names itself."""

from __future__ import annotations

import pytest
from hexi.inventory.v1 import inventory_pb2 as pb
from hexi_inventory.domain.record import ServerSetRecord
from hexi_inventory.domain.server_set import difference
from hexi_inventory.wire.maintenance import (
    check_maintenance,
    maintenance_messages,
    maintenance_of,
)
from hexi_inventory.wire.server_set import check_server_set, server_set_message, server_set_of
from hexi_kit.errors import InvalidArgument
from hexi_kit.rpc.validate import Violations

GOOD = pb.Maintenance(window_id="fans", start_ms=10, end_ms=20, racks=["r1"])


def servers(**more: object) -> pb.ServerSet:
    return pb.ServerSet(
        site_id="s",
        racks=["r0", "r1"],
        rack_index=[0, 1],
        models=["m"],
        model_index=[0, 0],
        cpu_milli=[1_000] * 2,
        memory_mib=[1_024] * 2,
        accelerator_index=[0, 0],
        accelerators=[0, 0],
        power_limit_w=[500] * 2,
        **more,
    )


def test_windows_come_back_as_they_were() -> None:
    found = Violations()
    check_maintenance(found, [GOOD])

    found.raise_if_any()
    assert maintenance_messages(maintenance_of([GOOD])) == [GOOD]


@pytest.mark.parametrize(
    ("windows", "field"),
    [
        ([pb.Maintenance(window_id="", start_ms=1, end_ms=2)], "site.maintenance[0].window_id"),
        ([pb.Maintenance(window_id="w", end_ms=2)], "site.maintenance[0].start_ms"),
        ([pb.Maintenance(window_id="w", start_ms=5, end_ms=5)], "site.maintenance[0].end_ms"),
        ([GOOD, GOOD], "site.maintenance"),
        (
            [pb.Maintenance(window_id="w", start_ms=1, end_ms=2, racks=["r", "r"])],
            "site.maintenance[0].racks",
        ),
    ],
)
def test_a_window_that_cannot_be_is_refused_by_its_field(windows, field) -> None:
    found = Violations()
    check_maintenance(found, windows)

    with pytest.raises(InvalidArgument) as refusal:
        found.raise_if_any()
    assert field in str(refusal.value.__dict__) + str(refusal.value)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"feeds": ["a"]}, "feed_index"),
        ({"feeds": ["a"], "feed_index": [0, 1]}, "feed_index"),
        ({"feeds": ["a", "a"], "feed_index": [0, 1]}, "feeds"),
        ({"rack_power_limit_w": [1]}, "rack_power_limit_w"),
        ({"rack_power_limit_w": [1, 10**8]}, "rack_power_limit_w"),
    ],
)
def test_columns_by_rack_must_cover_the_racks(more, field) -> None:
    found = Violations()
    check_server_set(found, servers(**more))

    with pytest.raises(InvalidArgument) as refusal:
        found.raise_if_any()
    assert f"server_set.{field}" in str(refusal.value.__dict__) + str(refusal.value)


def test_feeds_and_limits_come_back_and_a_change_of_them_is_one() -> None:
    told = servers(feeds=["a", "b"], feed_index=[0, 1], rack_power_limit_w=[5_000, 0])
    found = Violations()
    check_server_set(found, told)
    found.raise_if_any()

    known, plain = server_set_of(told), server_set_of(servers())
    change = difference(plain, known)
    record = ServerSetRecord(known, 3, change, 0, "me")

    assert change.changed == 2
    assert server_set_message(record).rack_power_limit_w == [5_000, 0]
    assert list(server_set_message(record).feeds) == ["a", "b"]
