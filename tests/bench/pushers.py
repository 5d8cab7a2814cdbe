"""Sites that push to the real telemetry service, with agents' own code and certificates.

SIGNATURE in the environment is SM2_SM3 or ECDSA_P256_SHA256.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import grpc
import numpy as np
import psutil
from hexi.inventory.v1 import inventory_pb2
from hexi.telemetry.v1 import telemetry_service_pb2 as rpc
from hexi.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceStub
from hexi_agent.domain.physics import Meters
from hexi_agent.frame import FrameHead, FrameSigner, frame_bytes
from hexi_agent.keys import FrameKeys, KeyRules
from hexi_agent.sources import Sample
from hexi_agent.spool import StreamName
from hexi_contracts.topics import INVENTORY_SERVER_SET, INVENTORY_SITE
from hexi_demo.identities import VALID_S
from hexi_kit import logs
from hexi_kit.clock import SystemClock
from hexi_kit.identity import Identity, LocalAuthority
from hexi_kit.ids import random_id
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.keys import Algorithm
from hexi_kit.rpc.channel import open_channel
from hexi_kit.signing import sm3

from tests.bench.province import Province, running

SIGNATURE = os.environ.get("SIGNATURE", "SM2_SM3")
PERIOD_MS = 10_000
FRAME_SERVERS_MAX = 5_000
RACK_SERVERS = 20
PUE = 1.2
HOT_C = 45
PUSH = "/hexi.telemetry.v1.TelemetryService/PushFrames"
CLOCK = SystemClock()
# Mean and spread of each metric of a server; the eight of the contract's first eight numbers.
METRICS = {1: (420, 60), 2: (23, 2), 3: (0.5, 0.05), 4: (0.6, 0.05), 5: (0.6, 0.05), 6: (61, 5)}
METRICS |= {7: (2e7, 3e6), 8: (1e7, 3e6)}


class Request(NamedTuple):
    """A message for the wire and the number of its frame; 0 where it states a key."""

    number: int
    data: bytes


@dataclass
class Site:
    """One agent: its readings, its chain, and when each number was sent and decided."""

    site_id: str
    servers: int
    identity: Identity
    sequence: int = 0
    head: bytes = b""
    meters: Meters = field(default_factory=Meters)
    sent_s: dict[int, float] = field(default_factory=dict)
    waits_ms: list[float] = field(default_factory=list)
    decided: int = 0
    hot: int = 0  # so many of its first servers breathe air that is too warm

    def __post_init__(self) -> None:
        folder = self.identity.cert_path.parent
        keys = FrameKeys(folder, KeyRules(Algorithm[SIGNATURE]))
        keys.cover(1, 1, 0, CLOCK.now_ms())
        self._name = StreamName(self.site_id, "1", 1)
        self._signer = FrameSigner(self.identity, keys)
        self._dice = np.random.default_rng(len(self.site_id) + self.servers)
        shape = min(self.servers, FRAME_SERVERS_MAX)
        self._base = {
            metric: self._dice.normal(mean, spread, shape).clip(0, None).astype(np.float32)
            for metric, (mean, spread) in METRICS.items()
        }

    def hello(self) -> bytes:
        certificate = self.identity.certificate()
        hello = rpc.Hello(site_id=self.site_id, agent_id="1", epoch=1, certificate=certificate)
        return rpc.PushFramesRequest(hello=hello).SerializeToString()

    def tick(self, observed_at_ms: int) -> list[Request]:
        """The site's frames of one moment, signed, as bytes for the wire."""
        # Shifted, so that every tick differs at no cost to speak of.
        shift = int(self._dice.integers(1, 1_000))
        columns = {metric: np.roll(base, shift) for metric, base in self._base.items()}
        columns[2][: self.hot] = HOT_C
        it_w = float(columns[1].sum()) * self.servers / columns[1].size
        it_ws = self.meters.it_ws + int(it_w * PERIOD_MS / 1_000)
        self.meters = Meters(observed_at_ms, it_ws, int(it_ws * PUE))
        return [
            request
            for first in range(0, self.servers, FRAME_SERVERS_MAX)
            for request in self._requests(first, columns, observed_at_ms)
        ]

    def _requests(
        self, first: int, columns: Mapping[int, np.ndarray], at_ms: int
    ) -> Iterator[Request]:
        count = min(FRAME_SERVERS_MAX, self.servers - first)
        sample = Sample(
            first,
            count,
            {metric: values[:count] for metric, values in columns.items()},
            meters=self.meters,
        )
        self.sequence += 1
        head = FrameHead(self.site_id, "1", 1, self.sequence, 1, at_ms, PERIOD_MS, self.head)
        data = frame_bytes(head, sample)
        self.head = sm3(data)
        for request in self._signer.requests(self._name, self.sequence, data):
            number = self.sequence if request.HasField("frame") else 0
            yield Request(number, request.SerializeToString())


class Push:
    """One open stream of one site; `send` writes, acknowledgements come in by themselves."""

    def __init__(self, site: Site, channel: grpc.aio.Channel) -> None:
        self.site = site
        self._open = channel.stream_stream(
            PUSH, request_serializer=None, response_deserializer=rpc.PushFramesResponse.FromString
        )
        self._moved = asyncio.Event()

    async def start(self) -> int:
        """The number to go on with; telemetry may not have heard of the site yet."""
        while True:
            self._call = self._open()
            try:
                await self._call.write(self.site.hello())
                answer = await self._call.read()
            except grpc.aio.AioRpcError as error:
                if error.code() != grpc.StatusCode.FAILED_PRECONDITION:
                    raise
            else:
                if isinstance(answer, rpc.PushFramesResponse):
                    self._reading = asyncio.create_task(self._read())
                    return answer.resume.next_sequence
            await CLOCK.sleep(0.2)

    async def send(self, requests: Sequence[Request]) -> None:
        for number, data in requests:
            self.site.sent_s[number] = CLOCK.real_monotonic_s()
            await self._call.write(data)

    async def decided(self, through: int) -> None:
        while self.site.decided < through:
            if self._reading.done():
                self._reading.result()
                raise EOFError("the stream ended")
            self._moved.clear()
            await self._moved.wait()

    async def stop(self) -> None:
        self._reading.cancel()
        self._call.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        try:
            while isinstance(answer := await self._call.read(), rpc.PushFramesResponse):
                site, now_s = self.site, CLOCK.real_monotonic_s()
                assert not answer.ack.refused, answer.ack.refused[0]
                for number in range(site.decided + 1, answer.ack.through_sequence + 1):
                    site.waits_ms.append((now_s - site.sent_s.pop(number)) * 1_000)
                site.decided = max(site.decided, answer.ack.through_sequence)
                self._moved.set()
        finally:
            self._moved.set()


@dataclass
class Pushing:
    """The running service and the sites that may push to it."""

    province: Province
    sites: list[Site]
    process: psutil.Process

    async def push(self, site: Site) -> Push:
        """A stream on a connection of its own, greeted."""
        push = Push(site, await self.channel(site.identity))
        await push.start()
        return push

    async def channel(self, identity: Identity) -> grpc.aio.Channel:
        channel = open_channel(self.province.hexi.addresses["telemetry"], identity)
        return await self.province.stack.enter_async_context(channel)

    def cpu_s(self) -> float:
        return sum(self.process.cpu_times()[:2])

    async def accepted(self, site_id: str) -> int:
        stub = TelemetryServiceStub(await self.channel(self.province.cast.of("operator")))
        status = await stub.GetSiteStatus(rpc.GetSiteStatusRequest(site_id=site_id), timeout=10)
        return sum(stream.accepted for stream in status.streams)

    async def ledger(self) -> dict[str, int]:
        """What the service says of all streams together."""
        stub = TelemetryServiceStub(await self.channel(self.province.cast.of("operator")))
        total = {"accepted": 0, "refused": 0, "missing": 0, "gaps": 0}
        for site in self.sites:
            ask = rpc.GetSiteStatusRequest(site_id=site.site_id)
            status = await stub.GetSiteStatus(ask, timeout=10)
            for name in ("accepted", "refused", "missing"):
                total[name] += sum(getattr(stream, name) for stream in status.streams)
            gaps = await stub.ListGaps(rpc.ListGapsRequest(site_id=site.site_id), timeout=10)
            total["gaps"] += len(gaps.gaps)
        return total


@asynccontextmanager
async def pushing(
    servers_of: Sequence[int],
    environment: Mapping[str, str] | None = None,
    services: Sequence[str] = ("telemetry",),
) -> AsyncIterator[Pushing]:
    """Telemetry, and who else is named, that know one site for each entry of `servers_of`."""
    logs.configure("bench", "warning")
    async with AsyncExitStack() as stack:
        province = await stack.enter_async_context(running(services, environment))
        authority = LocalAuthority(province.cast.pki_dir)
        sites = []
        for place, servers in enumerate(servers_of):
            site_id = f"site-{place:03}"
            uri = f"spiffe://hexi/site/{site_id}/agent/1"
            identity = authority.issue(f"agent-{site_id}", uri, site_id, VALID_S)
            sites.append(Site(site_id, servers, identity))
        await _announce(province, sites)
        yield Pushing(province, sites, psutil.Process(province.hexi.pids["telemetry"]))


async def _announce(province: Province, sites: Sequence[Site]) -> None:
    """The sites as inventory would tell of them."""
    identity = province.cast.of("supervisor")
    producer = EventProducer(province.hexi.kafka, identity, "bench", CLOCK)
    await producer.start()
    for site in sites:
        facts = inventory_pb2.SiteRecorded(
            site=inventory_pb2.Site(site_id=site.site_id),
            revision=1,
            state=inventory_pb2.ADMISSION_STATE_ADMITTED,
        )
        rack_index = [server // RACK_SERVERS for server in range(site.servers)]
        servers = inventory_pb2.ServerSet(
            site_id=site.site_id,
            revision=1,
            racks=[f"r{number}" for number in range(rack_index[-1] + 1)],
            rack_index=rack_index,
            cpu_milli=[64_000] * site.servers,
            memory_mib=[262_144] * site.servers,
            accelerators=[0] * site.servers,
            power_limit_w=[1_000] * site.servers,
        )
        await producer.send(INVENTORY_SITE, site.site_id, facts, event_id=random_id())
        await producer.send(INVENTORY_SERVER_SET, site.site_id, servers, event_id=random_id())
    await producer.stop()
