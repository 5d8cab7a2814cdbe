"""Goal: frames go in at the door and stand on the log once; what smells is refused and told.

Method: a real process on the real broker and database, an agent that can lie.
"""

from __future__ import annotations

import grpc
import pytest
from hexi.inventory.v1 import inventory_pb2
from hexi.telemetry.v1 import telemetry_pb2
from hexi.telemetry.v1 import telemetry_service_pb2 as rpc
from hexi_contracts.topics import SECURITY_EVENT, TELEMETRY_FRAME, TELEMETRY_GAP, TELEMETRY_ROLLUP
from hexi_kit.errors import FailedPrecondition, InvalidArgument, PermissionDenied
from hexi_kit.identity import LocalAuthority, Principal
from hexi_kit.kafka.ports import Partition, RawRecord
from hexi_kit.rpc.status import from_rpc_error

pytestmark = pytest.mark.integration

QUARTER_MS, HOUR_MS = 900_000, 3_600_000


def first_quarter_ms(maker) -> int:
    """The first quarter of the last whole hour: no hour ends with it, whatever the time is now."""
    return maker.now_ms // HOUR_MS * HOUR_MS - HOUR_MS


def sequences(signed: list[telemetry_pb2.SignedFrame]) -> list[int]:
    return [telemetry_pb2.Frame.FromString(one.frame).sequence for one in signed]


def told(events: list[dict]) -> list[tuple[str, list[str]]]:
    mine = [event["unmapped"]["hexi"] for event in events]
    return [(one["reason"], one["racks"]) for one in mine if one["kind"] == "frame.refused"]


async def test_frames_are_acknowledged_on_the_log_and_counted(world) -> None:
    await world.publish_site()
    await world.start()
    maker = world.maker()
    session = await world.open(maker)
    frames = maker.frames(20)

    refused = await session.push(*frames)

    assert refused == []
    assert (session.resume.next_sequence, session.resume.server_set_revision) == (1, 1)
    assert await world.of_site(TELEMETRY_FRAME) == frames
    status = await world.status()
    assert (status.decided_through, status.accepted, status.missing) == (20, 20, 0)


async def test_garbage_at_the_end_of_the_log_does_not_keep_the_door_shut(world) -> None:
    await world.publish_site()
    where = Partition(TELEMETRY_FRAME.name, TELEMETRY_FRAME.partition_of(world.site))
    await world.producer.send_raw(RawRecord(where, b"nobody", b"\xff garbage", ()))

    await world.start()

    maker = world.maker()
    session = await world.open(maker)
    assert await session.push(maker.frame()) == []


async def test_a_skipped_and_a_refused_number_are_gaps(world) -> None:
    await world.publish_site()
    await world.start()
    maker = world.maker()
    session = await world.open(maker)
    await session.push(maker.frame())
    maker.frames(2)
    await session.push(maker.frame())

    [refused] = await session.push(maker.frame(observed_at_ms=maker.now_ms + 3_600_000))

    assert telemetry_pb2.FrameRefusal.Name(refused.reason) == "FRAME_REFUSAL_CLOCK"
    gaps = await world.until_site_has(TELEMETRY_GAP, 2)
    assert [(g.first_sequence, g.last_sequence, g.cause) for g in gaps] == [(2, 3, 1), (5, 5, 3)]
    listed = await world.stub().ListGaps(rpc.ListGapsRequest(site_id=world.site))
    assert list(listed.gaps) == gaps
    status = await world.status()
    assert (status.accepted, status.refused, status.missing) == (2, 1, 2)


async def test_a_forged_and_a_replayed_frame_are_told_and_take_no_number(world) -> None:
    await world.publish_site()
    await world.start()
    maker = world.maker()
    honest = await world.open(maker)
    first, second = maker.frames(2)
    await honest.push(first, second)
    uri, issue = world.agent.uri, LocalAuthority(world.pki.directory).issue
    thief = issue(f"thief-{world.site}", uri, "thief")
    forger = world.maker()
    forger.identity, forger.sequence, forger.head = thief, 2, maker.head
    stolen = await world.open(forger, thief)

    forged = await stolen.push(forger.frame(20, first_server=20))
    replayed = await stolen.push(forger.sign(first.frame))
    honest_again = await honest.push(maker.frame())

    name = telemetry_pb2.FrameRefusal.Name
    assert [name(one.reason) for one in forged] == ["FRAME_REFUSAL_SIGNATURE"]
    assert [name(one.reason) for one in replayed] == ["FRAME_REFUSAL_REPLAYED"]
    assert honest_again == []
    assert sequences(await world.of_site(TELEMETRY_FRAME)) == [1, 2, 3]
    events = told(await world.until_site_has(SECURITY_EVENT, 2))
    assert ("SIGNATURE", ["r2"]) in events
    assert ("REPLAYED", ["r1", "r2"]) in events


async def test_who_pushes_for_another_site_is_denied(world) -> None:
    await world.publish_site()
    await world.start()
    await world.open(world.maker())
    other = world.pki.identity(Principal("agent", "1", "elsewhere"))
    maker = world.maker()
    call = world.stub(other).PushFrames()

    await call.write(maker.hello())
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in call:
            pass

    error = from_rpc_error(caught.value)
    assert isinstance(error, PermissionDenied) and error.policy == "telemetry-own-site"


async def test_a_stream_without_hello_is_told_what_it_lacks(world) -> None:
    await world.publish_site()
    await world.start()
    call = world.stub().PushFrames()

    await call.write(rpc.PushFramesRequest(frame=world.maker().frame()))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in call:
            pass

    error = from_rpc_error(caught.value)
    assert isinstance(error, InvalidArgument)
    assert [v.field for v in error.violations] == ["item"]


async def test_a_later_epoch_ends_the_one_before(world) -> None:
    await world.publish_site()
    await world.start()
    first = world.maker(epoch=1)
    session = await world.open(first)
    await session.push(*first.frames(2))

    second = world.maker(epoch=2)
    resume = (await world.open(second)).resume
    late = world.stub().PushFrames()
    await late.write(first.hello())
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in late:
            pass

    assert resume.next_sequence == 1
    assert isinstance(from_rpc_error(caught.value), FailedPrecondition)
    [gap] = await world.until_site_has(TELEMETRY_GAP, 1)
    assert (gap.epoch, gap.first_sequence, gap.last_sequence, gap.cause) == (1, 3, 0, 2)


async def test_a_site_that_is_not_admitted_must_wait(world) -> None:
    await world.publish_site(inventory_pb2.ADMISSION_STATE_SUSPENDED)
    await world.start()
    call = world.stub().PushFrames()

    await call.write(world.maker().hello())
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in call:
            pass

    assert isinstance(from_rpc_error(caught.value), FailedPrecondition)


async def test_a_quarter_of_an_hour_becomes_energy_and_pue(world) -> None:
    await world.publish_site()
    await world.start()
    maker = world.maker()
    session = await world.open(maker)
    start_ms = first_quarter_ms(maker)
    frames = []
    for step in range(1, 98):
        maker.now_ms = start_ms + step * 10_000
        facility = (1_000_000 + 12_000 * 10 * step, 1_000_000 + 10_000 * 10 * step)
        frames.append(maker.frame(facility_energy_ws=facility[0], it_energy_ws=facility[1]))

    await session.push(*frames)

    [rollup] = await world.until_site_has(TELEMETRY_ROLLUP, 1)
    assert (rollup.start_ms, rollup.end_ms, rollup.revision) == (
        start_ms,
        start_ms + QUARTER_MS,
        1,
    )
    # The first reading came ten seconds into the quarter: those are taken to be like the rest.
    assert rollup.it_energy_ws == 10_000 * 900
    assert rollup.pue.value_milli == 1_200
    assert rollup.pue.low_milli < 1_200 < rollup.pue.high_milli
    assert (rollup.coverage_ppm, rollup.frames) == (1_000_000, 90)
    page = await world.stub().ListRollups(rpc.ListRollupsRequest(site_id=world.site))
    assert list(page.rollups) == [rollup]


async def test_a_late_frame_restates_its_quarter(world) -> None:
    await world.publish_site()
    await world.start()
    maker = world.maker()
    session = await world.open(maker)
    start_ms = first_quarter_ms(maker)
    for step in (1, 2, 97):
        maker.now_ms = start_ms + step * 10_000
        await session.push(maker.frame())
    await world.until_site_has(TELEMETRY_ROLLUP, 1)

    maker.now_ms = start_ms + 30_000
    await session.push(maker.frame())

    first, second = await world.until_site_has(TELEMETRY_ROLLUP, 2)
    assert (first.revision, second.revision) == (1, 2)
    assert (first.frames, second.frames) == (2, 3)
    assert (first.coverage_ppm, second.coverage_ppm) == (22_222, 33_333)


async def test_minutes_are_kept_and_not_published(world) -> None:
    await world.publish_site()
    await world.start()
    maker = world.maker()
    session = await world.open(maker)
    start_ms = first_quarter_ms(maker)
    for step in range(1, 98):
        maker.now_ms = start_ms + step * 10_000
        await session.push(maker.frame())
    await world.until_site_has(TELEMETRY_ROLLUP, 1)

    asked = rpc.ListRollupsRequest(site_id=world.site, width_ms=60_000)
    minutes = (await world.stub().ListRollups(asked)).rollups

    assert [minute.start_ms for minute in minutes[:2]] == [start_ms, start_ms + 60_000]
    assert {minute.it_energy_ws for minute in minutes} == {600_000}
