"""Goal: frames are proven by the keys their agent stated, over restarts and rotations, and by no
other. Method: a real process on the real broker and database, an agent's own keys and signer."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from hexi.telemetry.v1 import telemetry_pb2
from hexi.telemetry.v1 import telemetry_service_pb2 as rpc
from hexi_agent.frame import FrameSigner
from hexi_agent.keys import DAY_MS, FrameKeys, KeyRules
from hexi_agent.spool import StreamName
from hexi_contracts.topics import SECURITY_EVENT, TELEMETRY_FRAME, TELEMETRY_KEY
from hexi_kit.errors import PermissionDenied
from hexi_kit.identity import Identity, LocalAuthority
from hexi_kit.rpc.status import from_rpc_error

pytestmark = pytest.mark.integration

NAME = telemetry_pb2.FrameRefusal.Name


class Keyed:
    """An agent's keys; each opening of `requests` is a session that states them again."""

    def __init__(self, world, folder: Path) -> None:
        self.maker, self.name = world.maker(), StreamName(world.site, "1", 1)
        self.keys = FrameKeys(folder, KeyRules())
        self.rotations = 0
        self.rotate()

    def rotate(self) -> None:
        """The next number gets a new key."""
        now_ms = self.maker.now_ms + self.rotations * 30 * DAY_MS - 90 * DAY_MS
        self.keys.cover(1, self.maker.sequence + 1, 0, now_ms)
        self.rotations += 1

    def frame(self) -> tuple[int, bytes]:
        signed = self.maker.frame()
        return self.maker.sequence, signed.frame

    def requests(self, identity: Identity, *frames: tuple[int, bytes]) -> list:
        signer = FrameSigner(identity, self.keys)
        return [r for number, frame in frames for r in signer.requests(self.name, number, frame)]


async def push(session, requests: list) -> list[rpc.Refused]:
    """State what is to be stated, then push; what was refused."""
    refused = []
    for request in requests:
        if request.HasField("key"):
            await session.call.write(request)
        else:
            refused += await session.push(request.frame)
    return refused


async def ending(session, requests: list) -> Exception:
    with pytest.raises((grpc.aio.AioRpcError, ConnectionError)):
        await push(session, requests)
        while await session.call.read() is not grpc.aio.EOF:
            continue
        raise ConnectionError
    code, details = await session.call.code(), await session.call.details()
    initial, trailing = (
        await session.call.initial_metadata(),
        await session.call.trailing_metadata(),
    )
    return from_rpc_error(grpc.aio.AioRpcError(code, initial, trailing, details, None))


async def test_keys_outlive_a_restart_and_frames_of_the_old_key_still_count(
    world, tmp_path: Path
) -> None:
    await world.publish_site()
    first = await world.start("first")
    agent, own = Keyed(world, tmp_path), world.pki.identity(world.agent)
    session = await world.open(agent.maker)
    assert await push(session, agent.requests(own, agent.frame(), agent.frame())) == []
    waiting = [agent.frame(), agent.frame()]
    agent.rotate()
    waiting.append(agent.frame())
    stated = agent.requests(own, *waiting)
    # The new key is stated before the frames of the old one have come.
    await session.call.write(next(r for r in reversed(stated) if r.HasField("key")))
    assert await session.push(stated[1].frame) == []
    await first.stop()

    await world.start("second")
    session = await world.open(agent.maker)
    unstated = [r.frame for r in stated if r.HasField("frame")]
    assert session.resume.next_sequence == 4
    assert await session.push(*unstated[1:]) == []

    frames = await world.of_site(TELEMETRY_FRAME)
    assert {one.algorithm for one in frames} == {telemetry_pb2.SIGNATURE_ALGORITHM_SM2_SM3}
    assert len({one.key_id for one in frames[:4]}) == 1
    assert frames[4].key_id != frames[3].key_id
    keys = [
        telemetry_pb2.KeyStatement.FromString(one.statement)
        for one in await world.until_site_has(TELEMETRY_KEY, 2)
    ]
    assert [key.from_sequence for key in keys] == [1, 5]


async def test_a_number_is_signed_by_its_own_key_and_no_other(world, tmp_path: Path) -> None:
    await world.publish_site()
    await world.start()
    agent, own = Keyed(world, tmp_path), world.pki.identity(world.agent)
    session = await world.open(agent.maker)
    assert await push(session, agent.requests(own, agent.frame())) == []
    agent.rotate()
    number, frame = agent.frame()
    old = agent.keys.of(1, 1)
    assert old is not None
    by_old = telemetry_pb2.SignedFrame(
        frame=frame,
        algorithm=telemetry_pb2.SIGNATURE_ALGORITHM_SM2_SM3,
        signature=old.private.sign(frame),
        key_id=old.private.key_id,
    )
    by_certificate = FrameSigner(own).sign(frame)
    await session.call.write(agent.requests(own, (number, frame))[0])

    refused = [*await session.push(by_old), *await session.push(by_certificate)]

    assert [NAME(one.reason) for one in refused] == ["FRAME_REFUSAL_SIGNATURE"] * 2
    assert await push(session, agent.requests(own, (number, frame))) == []


async def test_a_key_that_is_not_the_agents_ends_the_stream_and_is_told(
    world, tmp_path: Path
) -> None:
    await world.publish_site()
    await world.start()
    agent = Keyed(world, tmp_path)
    thief = LocalAuthority(world.pki.directory).issue(f"t-{world.site}", world.agent.uri, "thief")
    session = await world.open(agent.maker)

    error = await ending(session, agent.requests(thief, agent.frame()))

    assert isinstance(error, PermissionDenied) and error.policy == "telemetry-own-key"
    assert "not bound" in str(error)
    events = await world.until_site_has(SECURITY_EVENT, 1)
    told = [event["unmapped"]["hexi"] for event in events]
    assert ("frame.refused", "SIGNATURE") in [(one["kind"], one["reason"]) for one in told]
    assert await world.of_site(TELEMETRY_KEY) == []
    assert await world.of_site(TELEMETRY_FRAME) == []
