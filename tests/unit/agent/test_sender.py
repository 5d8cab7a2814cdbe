"""Goal: whatever telemetry answers or breaks, every number is decided once and in order. Method: a
servicer that keeps a ledger, over real mutual TLS, told when to misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
from hexi.telemetry.v1 import telemetry_pb2
from hexi.telemetry.v1 import telemetry_service_pb2 as pb
from hexi.telemetry.v1.telemetry_service_pb2_grpc import (
    TelemetryServiceServicer,
    TelemetryServiceStub,
    add_TelemetryServiceServicer_to_server,
)
from hexi_agent.backoff import Backoff
from hexi_agent.domain.spool_record import Mark
from hexi_agent.flight import IN_FLIGHT_MAX
from hexi_agent.frame import FrameSigner
from hexi_agent.sender import Needs, Sender
from hexi_agent.spool import SpoolLimits
from hexi_agent.spool.line import Line
from hexi_kit.clock import SystemClock
from hexi_kit.errors import ResourceExhausted, Unavailable
from hexi_kit.identity import LocalAuthority, Principal
from hexi_kit.ids import seeded
from hexi_kit.testing.clock import ManualClock
from hexi_kit.testing.pki import Pki
from hexi_kit.testing.rpc import serve

AGENT = Principal("agent", "1", "lanzhou")
REVISION = 2


class Ledger(TelemetryServiceServicer):
    """Decides every frame it gets; `spoil` may raise or answer otherwise."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.keys: list[str] = []
        self.decided: dict[int, int] = {}
        self.hellos: list[pb.Hello] = []
        self.revision = REVISION
        self.spoil: Callable[[int], pb.Refused | None] = lambda _: None

    async def PushFrames(self, request_iterator, context) -> AsyncIterator[pb.PushFramesResponse]:
        requests = aiter(request_iterator)
        hello = (await anext(requests)).hello
        self.hellos.append(hello)
        through = self.decided.setdefault(hello.epoch, 0)
        resume = pb.Resume(next_sequence=through + 1, server_set_revision=self.revision)
        yield pb.PushFramesResponse(resume=resume)
        async for request in requests:
            frame = request.frame.frame
            number = int.from_bytes(frame[:8], "big")
            self.seen.append(number)
            self.keys.append(request.frame.key_id)
            refused = self.spoil(number)
            if refused is None or refused.sequence == 0:
                self.decided[hello.epoch] = number
            told = [refused] if refused is not None and refused.sequence else []
            ack = pb.Ack(through_sequence=self.decided[hello.epoch], refused=told)
            yield pb.PushFramesResponse(ack=ack)


class World:
    def __init__(self, folder: Path, channel: grpc.aio.Channel, pki: Pki, ledger: Ledger) -> None:
        self.folder, self.ledger, self.identity = folder, ledger, pki.identity(AGENT)
        self.line = Line(folder, ("lanzhou", "1"), 1_000, SpoolLimits())
        needs = Needs(
            TelemetryServiceStub(channel).PushFrames,
            lambda: FrameSigner(self.identity),
            lambda: REVISION,
            ManualClock(2_000),
        )
        backoff = Backoff(SystemClock(), seeded(1), 0.001, 0.01)
        self.sender = Sender(self.line, needs, backoff)

    def fill(self, count: int) -> None:
        for _ in range(count):
            self.line.append(lambda number, _: number.to_bytes(8, "big") * 9, Mark())

    async def drained(self) -> None:
        async with asyncio.timeout(30):
            await self.sender.drained()


@asynccontextmanager
async def world(folder: Path, before: Callable[[Ledger], None] = lambda _: None):
    ledger, pki = Ledger(), Pki(folder / "pki")
    before(ledger)
    registration = (add_TelemetryServiceServicer_to_server, ledger)
    async with serve([registration], pki, service_name="telemetry") as harness:
        made = World(folder, await harness.channel(AGENT), pki, ledger)
        task = asyncio.create_task(made.sender.run())
        try:
            yield made
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_frames_arrive_in_order_and_are_forgotten(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        one.fill(200)
        await one.drained()
        one.fill(5)
        await one.drained()

        assert one.ledger.seen == list(range(1, 206))
        assert one.line.stream.spool.pending == 0
        assert len(one.ledger.hellos) == 1


async def test_a_broken_stream_is_taken_up_where_it_was_decided(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        one.ledger.spoil = fail_once_at(7, 30, 31, 90)
        one.fill(120)
        await one.drained()

        assert sorted(set(one.ledger.seen)) == list(range(1, 121))
        assert one.ledger.decided == {1_000: 120}
        assert len(one.ledger.hellos) == 5


async def test_who_sends_too_much_waits_and_goes_on(tmp_path: Path) -> None:
    refusals = [ResourceExhausted("quota", 5)]

    def spoil(_: int) -> None:
        if refusals:
            raise refusals.pop()

    async with world(tmp_path) as one:
        one.ledger.spoil = spoil
        one.fill(3)
        await one.drained()

        assert one.ledger.decided == {1_000: 3}


async def test_numbers_we_do_not_know_begin_a_new_epoch(tmp_path: Path) -> None:
    async with world(tmp_path, lambda ledger: ledger.decided.update({1_000: 50})) as one:
        one.fill(4)
        async with asyncio.timeout(30):
            while len(one.ledger.hellos) < 2:
                await SystemClock().sleep(0.005)
        one.fill(3)
        await one.drained()

        assert [hello.epoch for hello in one.ledger.hellos] == [1_000, 2_000]
        assert one.ledger.decided == {1_000: 50, 2_000: 3}


async def test_frames_wait_until_telemetry_knows_the_servers(tmp_path: Path) -> None:
    async with world(tmp_path, lambda ledger: setattr(ledger, "revision", 1)) as one:
        one.fill(2)
        async with asyncio.timeout(30):
            while len(one.ledger.hellos) < 3:
                await SystemClock().sleep(0.005)
        assert one.ledger.seen == []
        one.ledger.revision = REVISION
        await one.drained()

        assert one.ledger.seen == [1, 2]


async def test_a_refused_number_that_stays_undecided_holds_nobody_up(tmp_path: Path) -> None:
    implausible = telemetry_pb2.FRAME_REFUSAL_MALFORMED

    def spoil(number: int) -> pb.Refused | None:
        return pb.Refused(sequence=number, reason=implausible) if number % 3 == 0 else None

    async with world(tmp_path) as one:
        one.ledger.spoil = spoil
        one.fill(IN_FLIGHT_MAX * 4)
        await one.drained()

        assert one.ledger.seen == list(range(1, IN_FLIGHT_MAX * 4 + 1))


async def test_a_frame_whose_key_is_not_bound_yet_is_kept_and_sent_again(tmp_path: Path) -> None:
    unbound = [telemetry_pb2.FRAME_REFUSAL_SIGNATURE] * 3

    def spoil(number: int) -> pb.Refused | None:
        return pb.Refused(sequence=number, reason=unbound.pop()) if unbound else None

    async with world(tmp_path) as one:
        one.ledger.spoil = spoil
        one.fill(2)
        await one.drained()

        assert one.ledger.decided == {1_000: 2}
        assert set(one.ledger.seen) == {1, 2}


async def test_a_renewed_certificate_signs_from_the_next_session_also_what_waited(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as one:
        renewed = LocalAuthority(tmp_path / "pki").issue("renewed", AGENT.uri, "1")
        one.ledger.spoil = fail_once_at(3)
        one.fill(2)
        await one.drained()
        one.identity = renewed
        one.fill(5)
        await one.drained()

        assert one.ledger.hellos[0].certificate != renewed.certificate()
        assert one.ledger.hellos[-1].certificate == renewed.certificate()
        assert one.ledger.keys[-1] == FrameSigner(renewed).key_id != one.ledger.keys[0]


def fail_once_at(*numbers: int) -> Callable[[int], None]:
    left = set(numbers)

    def spoil(number: int) -> None:
        if number in left:
            left.discard(number)
            raise Unavailable("restarting")

    return spoil
