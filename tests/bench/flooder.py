"""A site that pushes a hundred times its quota and does not hear when it is told to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.synchronize import Event

import grpc
from hexi.telemetry.v1 import telemetry_service_pb2 as rpc
from hexi_kit.clock import SystemClock
from hexi_kit.identity import Identity
from hexi_kit.rpc.channel import open_channel

PUSH = "/hexi.telemetry.v1.TelemetryService/PushFrames"
STREAMS = 8
CLOCK = SystemClock()


@dataclass(frozen=True)
class Flood:
    """Hello and key, then frames from whatever number telemetry asks for, over and over."""

    address: str
    identity: Identity
    opening: Sequence[bytes]
    frames: Sequence[bytes]
    frames_per_s: int


class Flooder:
    """A process of its own, so that it takes nothing from those whose waits are measured."""

    def __init__(self, flood: Flood) -> None:
        spawn = get_context("spawn")
        self._is_on, self._is_over = spawn.Event(), spawn.Event()
        self._process = spawn.Process(target=_main, args=(flood, self._is_on, self._is_over))

    def __enter__(self) -> Flooder:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._process.join(10)
        self._process.kill()

    def begin(self) -> None:
        self._is_on.set()

    def pause(self) -> None:
        self._is_on.clear()


def _main(flood: Flood, is_on: Event, is_over: Event) -> None:
    asyncio.run(_flood(flood, is_on, is_over))


async def _flood(flood: Flood, is_on: Event, is_over: Event) -> None:
    async with open_channel(flood.address, flood.identity) as channel:
        push = channel.stream_stream(
            PUSH, request_serializer=None, response_deserializer=rpc.PushFramesResponse.FromString
        )
        streams = [asyncio.create_task(_stream(push, flood, is_on)) for _ in range(STREAMS)]
        while not is_over.is_set():
            await CLOCK.sleep(0.1)
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)


async def _stream(push: grpc.aio.StreamStreamMultiCallable, flood: Flood, is_on: Event) -> None:
    """Comes back at once, however often it is refused."""
    while True:
        if not is_on.is_set():
            await CLOCK.sleep(0.05)
            continue
        call = push()
        try:
            for data in flood.opening:
                await call.write(data)
            resume = await call.read()
            if isinstance(resume, rpc.PushFramesResponse):
                first = resume.resume.next_sequence
                for frame in flood.frames[first - 1 :]:
                    if not is_on.is_set():
                        break
                    await call.write(frame)
                    await CLOCK.sleep(STREAMS / flood.frames_per_s)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass
        finally:
            call.cancel()
