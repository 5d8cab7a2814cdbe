"""Servers a second through PushFrames: signature, chain, physics, log and ledger, then the ack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import grpc
import numpy as np
import psutil
from hexi.inventory.v1 import inventory_pb2
from hexi.telemetry.v1 import telemetry_pb2
from hexi.telemetry.v1 import telemetry_service_pb2 as rpc
from hexi.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceStub
from hexi_contracts.topics import INVENTORY_SERVER_SET, INVENTORY_SITE
from hexi_kit.clock import SystemClock
from hexi_kit.identity import Identity
from hexi_kit.ids import random_id
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.rpc.channel import open_channel
from hexi_kit.signing import fingerprint, load_signing_key, sign, sm3

from tests.bench.figures import percentile, show
from tests.bench.province import Province, running

SITES = ("lanzhou", "qingyang")
SERVERS = 5_000
FRAMES = 250
PACED_FRAMES, PACED_PER_S = 100, 10
METRICS = range(1, 9)


@dataclass
class Stream:
    """One agent's frames, made before the watch is started."""

    site_id: str
    identity: Identity
    sequence: int = 0
    head: bytes = b""
    columns: list[telemetry_pb2.Column] = field(default_factory=list)

    def __post_init__(self) -> None:
        values = np.random.default_rng(1).uniform(0, 1, (len(METRICS), SERVERS)).astype("<f4")
        self.columns = [
            telemetry_pb2.Column(metric=metric, values=values[place].tobytes())
            for place, metric in enumerate(METRICS)
        ]
        self._key = load_signing_key(self.identity.key())
        self._key_id = fingerprint(self.identity.certificate())

    def hello(self) -> rpc.PushFramesRequest:
        certificate = self.identity.certificate()
        hello = rpc.Hello(site_id=self.site_id, agent_id="1", epoch=1, certificate=certificate)
        return rpc.PushFramesRequest(hello=hello)

    def frames(self, count: int) -> list[rpc.PushFramesRequest]:
        return [rpc.PushFramesRequest(frame=self._next()) for _ in range(count)]

    def _next(self) -> telemetry_pb2.SignedFrame:
        self.sequence += 1
        data = telemetry_pb2.Frame(
            site_id=self.site_id,
            agent_id="1",
            epoch=1,
            sequence=self.sequence,
            server_set_revision=1,
            observed_at_ms=SystemClock().now_ms(),
            period_ms=10_000,
            count=SERVERS,
            columns=self.columns,
            previous_digest=self.head,
        ).SerializeToString()
        self.head = sm3(data)
        return telemetry_pb2.SignedFrame(
            frame=data,
            algorithm=telemetry_pb2.SIGNATURE_ALGORITHM_ECDSA_P256_SHA256,
            signature=sign(self._key, data),
            key_id=self._key_id,
        )


async def announce(province: Province) -> None:
    """The sites as inventory would tell of them."""
    identity = province.cast.of("supervisor")
    producer = EventProducer(province.hexi.kafka, identity, "bench", SystemClock())
    await producer.start()
    for site_id in SITES:
        admitted = inventory_pb2.ADMISSION_STATE_ADMITTED
        facts = inventory_pb2.SiteRecorded(
            site=inventory_pb2.Site(site_id=site_id), revision=1, state=admitted
        )
        servers = inventory_pb2.ServerSet(
            site_id=site_id, revision=1, racks=["r1"], rack_index=[0] * SERVERS
        )
        await producer.send(INVENTORY_SITE, site_id, facts, event_id=random_id())
        await producer.send(INVENTORY_SERVER_SET, site_id, servers, event_id=random_id())
    await producer.stop()


async def push(call, requests: AsyncIterator[rpc.PushFramesRequest], last: int) -> list[float]:
    """Write all, read until the last is decided; when each number was acknowledged."""
    clock, left = SystemClock(), last
    acked: list[float] = []

    async def write() -> None:
        async for request in requests:
            await call.write(request)

    writing = asyncio.create_task(write())
    while left > 0:
        ack = (await call.read()).ack
        assert not ack.refused, ack.refused[0]
        acked.append(clock.real_monotonic_s())
        left = last - ack.through_sequence
    await writing
    return acked


async def greeted(stub: TelemetryServiceStub, stream: Stream):
    """A call that telemetry has answered; it may not have heard of the site yet."""
    while True:
        call = stub.PushFrames()
        try:
            await call.write(stream.hello())
            answer = await call.read()
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.FAILED_PRECONDITION:
                raise
        else:
            if isinstance(answer, rpc.PushFramesResponse):
                return call
        await SystemClock().sleep(0.2)


async def at_once(requests: list[rpc.PushFramesRequest]) -> AsyncIterator[rpc.PushFramesRequest]:
    for request in requests:
        yield request


async def run() -> None:
    clock = SystemClock()
    async with running(["telemetry"]) as province:
        await announce(province)
        streams = [Stream(site, province.cast.of(f"agent-{site}")) for site in SITES]
        calls = []
        for stream in streams:
            channel = open_channel(province.hexi.addresses["telemetry"], stream.identity)
            await province.stack.enter_async_context(channel)
            calls.append(await greeted(TelemetryServiceStub(channel), stream))
        made = [stream.frames(FRAMES) for stream in streams]
        process = psutil.Process(province.hexi.pids["telemetry"])
        began_s, before_s = clock.real_monotonic_s(), sum(process.cpu_times()[:2])
        await asyncio.gather(
            *(push(c, at_once(m), FRAMES) for c, m in zip(calls, made, strict=True))
        )
        elapsed_s = clock.real_monotonic_s() - began_s
        busy_s = sum(process.cpu_times()[:2]) - before_s
        servers = len(SITES) * FRAMES * SERVERS
        show("ingest.servers_per_s", servers / elapsed_s, "servers/s", metrics=len(METRICS))
        show("ingest.servers_per_cpu_s", servers / busy_s, "servers/s")
        await _paced(calls[0], streams[0])


async def _paced(call, stream: Stream) -> None:
    """One frame at a time: how long from the write to the ack."""
    clock, waits_ms = SystemClock(), []
    for request in stream.frames(PACED_FRAMES):
        began_s = clock.real_monotonic_s()
        await push(call, at_once([request]), FRAMES + len(waits_ms) + 1)
        waits_ms.append((clock.real_monotonic_s() - began_s) * 1_000)
        await clock.sleep(1 / PACED_PER_S)
    show("ingest.ack_p50", percentile(waits_ms, 50), "ms")
    show("ingest.ack_p99", percentile(waits_ms, 99), "ms")


def main() -> None:
    asyncio.run(run())
