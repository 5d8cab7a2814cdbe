"""What a site says by the hour and of its position is bounded, whole or absent, and kept."""

from __future__ import annotations

import pytest
from hexi.inventory.v1 import inventory_pb2 as pb
from hexi_inventory.wire.site import check_site, site_message, site_of
from hexi_kit.errors import InvalidArgument
from hexi_kit.rpc.validate import Violations


def site(**said: object) -> pb.Site:
    return pb.Site(
        site_id="lanzhou",
        name_zh="兰州",
        name_en="Lanzhou",
        hub="gansu",
        cluster="lanzhou",
        region="gansu",
        operator="operator",
        contact=pb.Contact(name="duty desk"),
        standard_racks=4_000,
        design_power_w=10_000_000,
        rack_power_w=10_000,
        pue_milli=1_240,
        **said,  # type: ignore[arg-type]  # one of several fields
    )


def violated(asked: pb.Site) -> dict[str, str]:
    found = Violations()
    check_site(found, asked)
    try:
        found.raise_if_any()
    except InvalidArgument as refused:
        return {v.field: v.reason for v in refused.violations}
    return {}


def test_hours_and_a_position_are_kept() -> None:
    said = site(
        pue_milli_by_hour=range(1_200, 1_224),
        carbon_g_per_kwh_by_hour=range(24),
        latitude_e6=36_061_000,
        longitude_e6=-103_834_000,
    )

    assert not violated(said)
    assert site_message(site_of(said)) == said


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("pue_milli_by_hour", [1_200] * 23, ""),
        ("pue_milli_by_hour", [1_200] * 25, ""),
        ("pue_milli_by_hour", [1_200] * 23 + [999], "[23]"),
        ("carbon_g_per_kwh_by_hour", [1], ""),
        ("carbon_g_per_kwh_by_hour", [2_001] + [0] * 23, "[0]"),
        ("latitude_e6", 90_000_001, ""),
        ("longitude_e6", -180_000_001, ""),
    ],
)
def test_what_is_no_day_or_no_place_is_refused_by_name(
    field: str, value: object, named: str
) -> None:
    assert list(violated(site(**{field: value}))) == [f"site.{field}{named}"]
