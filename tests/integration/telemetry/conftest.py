"""A real telemetry process on the real broker and database, and an agent made for trying it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import numpy as np
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from hexi.inventory.v1 import inventory_pb2
from hexi.telemetry.v1 import telemetry_pb2
from hexi.telemetry.v1 import telemetry_service_pb2 as rpc
from hexi.telemetry.v1 import telemetry_service_pb2_grpc as stubs
from hexi_contracts.topic import Topic
from hexi_contracts.topics import (
    INVENTORY_SERVER_SET,
    INVENTORY_SITE,
    SECURITY_EVENT,
    TELEMETRY_FRAME,
    TELEMETRY_GAP,
    TELEMETRY_KEY,
    TELEMETRY_ROLLUP,
)
from hexi_kit.clock import SystemClock
from hexi_kit.identity import Identity, Principal
from hexi_kit.ids import random_id
from hexi_kit.kafka.admin import ensure_topics
from hexi_kit.kafka.codec import decode
from hexi_kit.kafka.connection import client_options
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.kafka.record import Record
from hexi_kit.rpc.channel import open_channel
from hexi_kit.signing import fingerprint, load_signing_key, sign, sm3
from hexi_kit.testing.pki import Pki
from hexi_local.network import free_ports
from hexi_local.service import Service
from hexi_local.testing import Ground

TOPICS = (
    INVENTORY_SITE,
    INVENTORY_SERVER_SET,
    SECURITY_EVENT,
    TELEMETRY_FRAME,
    TELEMETRY_GAP,
    TELEMETRY_KEY,
    TELEMETRY_ROLLUP,
)
SERVERS = 40
PERIOD_MS = 10_000


@dataclass
class FrameMaker:
    """Makes the frames of one stream as an honest agent would; fields can be told otherwise."""

    site_id: str
    identity: Identity
    epoch: int = 1
    agent_id: str = "1"
    sequence: int = 0
    head: bytes = b""
    now_ms: int = field(default_factory=lambda: SystemClock().now_ms())

    def hello(self, **changed: object) -> rpc.PushFramesRequest:
        told = {
            "site_id": self.site_id,
            "agent_id": self.agent_id,
            "epoch": self.epoch,
            "certificate": self.identity.certificate(),
        }
        return rpc.PushFramesRequest(hello=rpc.Hello(**{**told, **changed}))

    def frame(self, servers: int = SERVERS, **changed: object) -> telemetry_pb2.SignedFrame:
        """The next frame in order."""
        self.sequence += 1
        values = np.full(servers, 250.0, "<f4").tobytes()
        told = {
            "site_id": self.site_id,
            "agent_id": self.agent_id,
            "epoch": self.epoch,
            "sequence": self.sequence,
            "server_set_revision": 1,
            "observed_at_ms": self.now_ms,
            "period_ms": PERIOD_MS,
            "count": servers,
            "columns": [telemetry_pb2.Column(metric=1, values=values)],
            "previous_digest": self.head,
        }
        data = telemetry_pb2.Frame(**{**told, **changed}).SerializeToString(deterministic=True)
        self.head = sm3(data)
        return self.sign(data)

    def frames(self, count: int) -> list[telemetry_pb2.SignedFrame]:
        return [self.frame() for _ in range(count)]

    def sign(self, data: bytes) -> telemetry_pb2.SignedFrame:
        return telemetry_pb2.SignedFrame(
            frame=data,
            algorithm=telemetry_pb2.SIGNATURE_ALGORITHM_ECDSA_P256_SHA256,
            signature=sign(load_signing_key(self.identity.key()), data),
            key_id=fingerprint(self.identity.certificate()),
        )


@dataclass
class Session:
    """One PushFrames call."""

    call: object
    resume: rpc.Resume

    async def push(self, *frames: telemetry_pb2.SignedFrame) -> list[rpc.Refused]:
        """Send these and read until the last of them is answered."""
        refused: list[rpc.Refused] = []
        for frame in frames:
            await self.call.write(rpc.PushFramesRequest(frame=frame))
        last = telemetry_pb2.Frame.FromString(frames[-1].frame).sequence
        while True:
            answer = await self.call.read()
            if answer is grpc.aio.EOF:
                raise ConnectionError(f"{await self.call.code()}: {await self.call.details()}")
            refused += answer.ack.refused
            answered = max([answer.ack.through_sequence, *(r.sequence for r in refused)])
            if answered >= last:
                return refused

    async def close(self) -> None:
        await self.call.done_writing()
        while await self.call.read() is not grpc.aio.EOF:
            continue


class TelemetryWorld:
    """Every test has a site of its own, so that tests share topics without meeting."""

    def __init__(self, kafka, dsn: str, pki: Pki, logs: Path) -> None:
        self._kafka, self._dsn, self._logs, self.pki = kafka, dsn, logs, pki
        self._channels: list[grpc.aio.Channel] = []
        self._services: list[Service] = []
        self.site = f"site-{random_id()[:8]}"
        self.agent = Principal("agent", "1", self.site)
        self.address = f"127.0.0.1:{free_ports(1)[0]}"
        self.producer = EventProducer(kafka.bootstrap, kafka.supervisor, "test", SystemClock())

    def maker(self, epoch: int = 1) -> FrameMaker:
        return FrameMaker(self.site, self.pki.identity(self.agent), epoch)

    async def publish_site(self, state: int = inventory_pb2.ADMISSION_STATE_ADMITTED) -> None:
        """The site with one server set of two racks; its agent's certificate is bound to it."""
        bound = fingerprint(self.pki.identity(self.agent).certificate())
        site = inventory_pb2.Site(site_id=self.site, agent_fingerprints=[bound])
        facts = inventory_pb2.SiteRecorded(site=site, revision=1, state=state)
        servers = inventory_pb2.ServerSet(
            site_id=self.site,
            revision=1,
            racks=["r1", "r2"],
            rack_index=[server // 20 for server in range(SERVERS)],
        )
        await self.producer.send(INVENTORY_SITE, self.site, facts, event_id=random_id())
        await self.producer.send(INVENTORY_SERVER_SET, self.site, servers, event_id=random_id())

    async def start(self, name: str = "telemetry", **environment: str) -> Service:
        ground = Ground(self._kafka, self.pki, self._logs, self._dsn)
        service = ground.service(name, "hexi_telemetry.main", self.address, **environment)
        self._services.append(service)
        await service.start()
        return service

    def stub(self, caller: Principal | Identity | None = None) -> stubs.TelemetryServiceStub:
        who = caller or self.agent
        identity = who if isinstance(who, Identity) else self.pki.identity(who)
        channel = open_channel(self.address, identity)
        self._channels.append(channel)
        return stubs.TelemetryServiceStub(channel)

    async def open(self, maker: FrameMaker, caller: Identity | None = None) -> Session:
        """A greeted stream; waits until telemetry has heard of the site."""
        while True:
            call = self.stub(caller).PushFrames()
            try:
                await call.write(maker.hello())
                answer = await call.read()
            except grpc.aio.AioRpcError as error:
                code = error.code()
            else:
                if answer is not grpc.aio.EOF:
                    return Session(call, answer.resume)
                code = await call.code()
            waits = (
                grpc.StatusCode.FAILED_PRECONDITION,
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.RESOURCE_EXHAUSTED,
            )
            assert code in waits, f"{code}: {await call.details()}"
            await SystemClock().sleep(0.1)

    async def status(self, epoch: int = 1) -> rpc.StreamStatus:
        answer = await self.stub().GetSiteStatus(rpc.GetSiteStatusRequest(site_id=self.site))
        return next(stream for stream in answer.streams if stream.epoch == epoch)

    async def of_site(self, topic: Topic) -> list:
        """Everything this site's key has in a topic, decoded, in order."""
        partition = TopicPartition(topic.name, topic.partition_of(self.site))
        consumer = AIOKafkaConsumer(
            **client_options(self._kafka.bootstrap, self._kafka.supervisor),
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            consumer.assign([partition])
            await consumer.seek_to_beginning(partition)
            end = (await consumer.end_offsets([partition]))[partition]
            raws = []
            while await consumer.position(partition) < end:
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    raws += batch
        finally:
            await consumer.stop()
        return [
            decode(topic, Record(r.topic, r.partition, r.offset, r.key, r.value, dict(r.headers)))
            for r in raws
            if r.key == self.site.encode()
        ]

    async def until_site_has(self, topic: Topic, count: int) -> list:
        async with asyncio.timeout(60):
            while len(found := await self.of_site(topic)) < count:
                await SystemClock().sleep(0.1)
        return found

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()
        for service in self._services:
            await service.stop()
        await self.producer.stop()


@pytest.fixture
async def world(kafka, postgres, database: str, tmp_path: Path) -> AsyncIterator[TelemetryWorld]:
    await ensure_topics(kafka.bootstrap, kafka.supervisor, TOPICS)
    pki = Pki(kafka.supervisor.cert_path.parent.parent)
    pki.service("telemetry")
    world = TelemetryWorld(kafka, postgres.dsn("telemetry", database), pki, tmp_path)
    await world.producer.start()
    try:
        yield world
    finally:
        await world.close()
