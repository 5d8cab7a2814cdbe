"""Goal: the fuzzer finds what it should. Method: real descriptors, a servicer with a bug."""

from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from hexi.scheduler.v1 import scheduler_service_pb2
from hexi.telemetry.v1 import telemetry_service_pb2, telemetry_service_pb2_grpc
from hexi_kit.errors import InvalidArgument, Violation
from hexi_kit.identity import Principal
from hexi_kit.ids import seeded
from hexi_kit.testing.fuzz import Attack, assault, messages
from hexi_kit.testing.pki import Pki
from hexi_kit.testing.rpc import serve
from hexi_kit.testing.values import arbitrary
from hypothesis import given

SCHEDULER = scheduler_service_pb2.DESCRIPTOR.services_by_name["SchedulerService"]
TELEMETRY = telemetry_service_pb2.DESCRIPTOR.services_by_name["TelemetryService"]
SUBMIT = SCHEDULER.methods_by_name["SubmitWorkloads"].input_type


class Fragile(telemetry_service_pb2_grpc.TelemetryServiceServicer):
    """Refuses everything well, but falls over one odd site."""

    async def ListGaps(self, request: Any, context: Any) -> Any:
        if request.site_id == "\x00":
            raise ZeroDivisionError
        raise InvalidArgument([Violation("site_id", "odd")])

    async def PushFrames(self, requests: Any, context: Any) -> Any:
        async for _ in requests:
            yield telemetry_service_pb2.PushFramesResponse()


async def attack(tmp_path: Path, plan: Attack) -> dict[str, dict[str, int]]:
    add = telemetry_service_pb2_grpc.add_TelemetryServiceServicer_to_server
    async with serve([(add, Fragile())], Pki(tmp_path)) as harness:
        channel = await harness.channel(Principal("agent", "1", "lanzhou"))
        return await assault(channel, TELEMETRY, plan)


async def test_a_bug_is_found_and_shown(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"(?s)ListGaps answered INTERNAL.*u0000"):
        await attack(tmp_path, Attack(count=300, skip=frozenset({"PushFrames"})))


async def test_what_is_refused_well_is_counted(tmp_path: Path) -> None:
    skip = frozenset({"ListGaps", "ListRollups", "GetSiteStatus"})
    assert await attack(tmp_path, Attack(count=50, skip=skip)) == {"PushFrames": {"OK": 50}}


async def test_methods_without_an_answer_are_unimplemented(tmp_path: Path) -> None:
    skip = frozenset({"ListGaps", "PushFrames", "GetSiteStatus"})
    answers = await attack(tmp_path, Attack(count=10, skip=skip))
    assert answers == {"ListRollups": {grpc.StatusCode.UNIMPLEMENTED.name: 10}}


def test_the_same_dice_make_the_same_message() -> None:
    assert arbitrary(SUBMIT, seeded(3)) == arbitrary(SUBMIT, seeded(3))


def test_hints_are_tried() -> None:
    dice = seeded(1)
    tried = [arbitrary(SUBMIT, dice, {"tenant_id": ["t-77"]}).tenant_id for _ in range(100)]
    assert 20 < tried.count("t-77") < 80


@given(messages(SUBMIT))
def test_every_message_survives_the_wire(message: Message) -> None:
    assert type(message).FromString(message.SerializeToString()) is not None
