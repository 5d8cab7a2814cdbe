"""Goal: who asks for rollups and gaps learns all that is wrong with the question, and an agent sees
its own site only. Method: the servicer alone, on a store that keeps what it was asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hexi.telemetry.v1 import telemetry_service_pb2 as pb
from hexi_kit.errors import InvalidArgument, PermissionDenied
from hexi_kit.identity import Principal
from hexi_kit.rpc.context import set_principal
from hexi_telemetry.api import TelemetryServicer

OPERATOR = Principal("operator", "1")


class Kept:
    """Has nothing."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    async def rollups(self, *asked: Any) -> list[Any]:
        self.asked.append(asked)
        return []


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def door(kept: Kept) -> TelemetryServicer:
    set_principal(OPERATOR)
    return TelemetryServicer(SimpleNamespace(reads=kept))


async def test_all_that_is_wrong_is_told_at_once(door: TelemetryServicer) -> None:
    asked = pb.ListRollupsRequest(site_id="no site", from_ms=-1, width_ms=7, page_token="x")

    with pytest.raises(InvalidArgument) as caught:
        await door.ListRollups(asked, None)

    assert [one.field for one in caught.value.violations] == [
        "site_id",
        "from_ms",
        "width_ms",
        "page_token",
    ]


@pytest.mark.parametrize("width_ms", [0, 60_000, 900_000, 3_600_000, 86_400_000])
async def test_every_width_that_is_kept_may_be_asked_for(
    door: TelemetryServicer, kept: Kept, width_ms: int
) -> None:
    await door.ListRollups(pb.ListRollupsRequest(site_id="lanzhou", width_ms=width_ms), None)

    assert kept.asked[0][-1][1] == width_ms


async def test_an_agent_may_not_ask_about_its_neighbour(door: TelemetryServicer) -> None:
    set_principal(Principal("agent", "1", "lanzhou"))

    with pytest.raises(PermissionDenied, match="own-site"):
        await door.ListRollups(pb.ListRollupsRequest(site_id="qingyang"), None)
    with pytest.raises(PermissionDenied, match="own-site"):
        await door.ListGaps(pb.ListGapsRequest(site_id="qingyang"), None)
    with pytest.raises(PermissionDenied, match="own-site"):
        await door.GetSiteStatus(pb.GetSiteStatusRequest(site_id="qingyang"), None)
