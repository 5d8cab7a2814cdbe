"""Sends the spool to telemetry in order, goes on where telemetry says, forgets only what it may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
from grpc.aio import EOF  # type: ignore[attr-defined]  # the stubs lack it
from hexi.telemetry.v1 import telemetry_pb2
from hexi.telemetry.v1 import telemetry_service_pb2 as pb
from hexi_kit.clock import Clock
from hexi_kit.errors import HexiError, Unavailable
from hexi_kit.logs import get_logger
from hexi_kit.metrics import counter
from hexi_kit.rpc.status import from_rpc_error
from hexi_kit.testing import faults

from hexi_agent.backoff import Backoff, as_error
from hexi_agent.flight import Flight
from hexi_agent.frame import FrameSigner
from hexi_agent.spool.line import Line

HELLO_TIMEOUT_S = 10.0
# Our key may be bound later; every other refusal of a frame stands, however often it is sent.
CURABLE = (telemetry_pb2.FRAME_REFUSAL_SIGNATURE,)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a session is made of; `push` opens one PushFrames call."""

    push: Callable[[], Any]
    signer: Callable[[], FrameSigner]
    revision: Callable[[], int]
    clock: Clock


class Sender:
    """One session after the other, for as long as the process lives."""

    def __init__(self, line: Line, needs: Needs, backoff: Backoff) -> None:
        self._line, self._needs, self._backoff = line, needs, backoff
        self._acked = asyncio.Event()

    async def run(self) -> None:
        while True:
            try:
                await self._session()
                error: HexiError = Unavailable("telemetry ended the stream")
            except grpc.aio.AioRpcError as problem:
                error = from_rpc_error(problem)
            except (HexiError, OSError, asyncio.InvalidStateError) as problem:
                # Writing to a call that is over is an invalid state, to gRPC's mind.
                error = as_error(problem)
            get_logger().warning("frames.not_sent", reason=str(error))
            await self._backoff.wait(error)

    async def drained(self) -> None:
        """Wait until every frame is decided."""
        while self._line.stream.spool.acked < self._line.mark.sequence:
            self._acked.clear()
            await self._acked.wait()

    async def _session(self) -> None:
        call = self._needs.push()
        signer = self._needs.signer()
        try:
            flight = Flight(await self._greet(call, signer))
            halves = [
                asyncio.create_task(self._write(call, flight, signer), name="frames out"),
                asyncio.create_task(self._read(call, flight), name="acks in"),
            ]
            try:
                await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
                # The reader knows why the stream ended; the writer only that it did.
                for half in reversed(halves):
                    if half.done():
                        half.result()
            finally:
                for half in halves:
                    half.cancel()
                await asyncio.gather(*halves, return_exceptions=True)
        finally:
            call.cancel()

    async def _greet(self, call: Any, signer: FrameSigner) -> int:
        """Say who we are; the number to go on with."""
        name = self._line.stream.name
        hello = pb.Hello(
            site_id=name.site_id,
            agent_id=name.agent_id,
            epoch=name.epoch,
            certificate=signer.certificate,
        )
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                await call.write(pb.PushFramesRequest(hello=hello))
                answer = await call.read()
        except TimeoutError as error:
            raise Unavailable("telemetry did not answer the hello") from error
        if answer is EOF:
            raise await _ending(call)
        resume: pb.Resume = answer.resume
        if resume.next_sequence > self._line.mark.sequence + 1:
            # Numbers we do not know of are decided: ours must not be taken for them.
            self._line.begin_epoch(self._needs.clock.now_ms())
            raise Unavailable("telemetry knows later numbers; a new epoch begins")
        if resume.server_set_revision < self._needs.revision():
            raise Unavailable("telemetry has not heard of the server set yet")
        self._ack(resume.next_sequence - 1)
        return resume.next_sequence

    async def _write(self, call: Any, flight: Flight, signer: FrameSigner) -> None:
        while True:
            room = await flight.room()
            frames = self._line.stream.spool.read(flight.sent_through, room)
            if not frames:
                await self._line.grown()
            for sequence, frame in frames:
                # Signed when sent: what waited while the certificate was renewed is still good.
                flight.sent(sequence)
                for request in signer.requests(self._line.stream.name, sequence, frame):
                    await call.write(request)

    async def _read(self, call: Any, flight: Flight) -> None:
        while True:
            answer = await call.read()
            if answer is EOF:
                raise await _ending(call)
            self._backoff.reset()
            self._ack(answer.ack.through_sequence)
            for refused in answer.ack.refused:
                self._hear_refusal(refused)
            flight.decided(self._line.stream.spool.acked)

    def _hear_refusal(self, refused: pb.Refused) -> None:
        reason = telemetry_pb2.FrameRefusal.Name(refused.reason)
        get_logger().warning(
            "frame.refused", sequence=refused.sequence, reason=reason, detail=refused.detail
        )
        if refused.sequence <= self._line.stream.spool.acked:
            return
        if refused.reason in CURABLE:
            raise Unavailable(f"{reason}: {refused.detail}")
        # Not decided, because telemetry can not believe its number; sending it again is no use.
        self._ack(refused.sequence)

    def _ack(self, through: int) -> None:
        before = self._line.stream.spool.acked
        faults.point("agent.before_ack")
        self._line.stream.spool.ack(min(through, self._line.mark.sequence))
        counter("agent.frames_sent").add(self._line.stream.spool.acked - before)
        faults.point("agent.after_ack")
        self._acked.set()


async def _ending(call: Any) -> HexiError:
    """Why the other side closed the stream."""
    code = await call.code()
    if code == grpc.StatusCode.OK:
        return Unavailable("telemetry ended the stream")
    initial, trailing = await call.initial_metadata(), await call.trailing_metadata()
    return from_rpc_error(grpc.aio.AioRpcError(code, initial, trailing, await call.details(), None))
