"""A real settlement process on the real broker and database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import asyncpg
import grpc
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from hexi.inventory.v1 import inventory_pb2
from hexi.scheduler.v1 import place_pb2
from hexi.settlement.v1 import settlement_service_pb2_grpc as stubs
from hexi_contracts import topics as declared
from hexi_contracts.topic import Topic
from hexi_kit.clock import SystemClock
from hexi_kit.identity import Principal
from hexi_kit.ids import random_id
from hexi_kit.kafka.admin import ensure_topics
from hexi_kit.kafka.connection import client_options
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.rpc.channel import open_channel
from hexi_kit.testing.pki import Pki
from hexi_local.network import free_ports
from hexi_local.service import Service
from hexi_local.testing import Ground

OPERATOR = Principal("operator", "desk")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class SettlementWorld:
    """Names are new in every test: tests share topics without meeting."""

    def __init__(self, kafka, dsn: str, pki: Pki, logs: Path) -> None:
        self._kafka, self._dsn, self._pki, self._logs = kafka, dsn, pki, logs
        self._channels: list[grpc.aio.Channel] = []
        self._services: list[Service] = []
        self.run = random_id()[:8]
        self.site, self.tenant = f"site-{self.run}", f"team-{self.run}"
        self.address = f"127.0.0.1:{free_ports(1)[0]}"
        self.producer = EventProducer(kafka.bootstrap, kafka.supervisor, "test", SystemClock())

    async def start(self, name: str = "settlement", **environment: str) -> Service:
        ground = Ground(self._kafka, self._pki, self._logs, self._dsn)
        service = ground.service(name, "hexi_settlement.main", self.address, **environment)
        self._services.append(service)
        await service.start()
        return service

    def stub(self, caller: Principal = OPERATOR) -> stubs.SettlementServiceStub:
        channel = open_channel(self.address, self._pki.identity(caller))
        self._channels.append(channel)
        return stubs.SettlementServiceStub(channel)

    async def publish_site(self) -> None:
        site = inventory_pb2.Site(site_id=self.site, operator=f"operator-{self.site}")
        told = inventory_pb2.SiteRecorded(site=site, revision=1)
        topic = declared.INVENTORY_SITE
        await self.producer.send(topic, self.site, told, event_id=random_id())

    def usage(self, number: int, start_ms: int, **changed: object) -> place_pb2.Usage:
        told = {
            "usage_id": f"{self.run}-{number}",
            "kind": place_pb2.USAGE_KIND_WINDOW,
            "tenant_id": self.tenant,
            "site_id": self.site,
            "class_id": "A100",
            "start_ms": start_ms,
            "end_ms": start_ms + 900_000,
            "units": 1,
            "unit_ms": 900_000,
            "price_micro_yuan": 2_500_001,
            "traceparent": TRACE,
        }
        return place_pb2.Usage(**{**told, **changed})

    async def use(self, *usages: place_pb2.Usage) -> None:
        batch = place_pb2.UsageBatch(usages=usages)
        await self.producer.send(
            declared.SCHEDULER_USAGE, self.site, batch, event_id=random_id(), traceparent=TRACE
        )

    async def dead_letters(self, topic: Topic) -> list:
        """What could not be handled in this test's part of a topic."""
        dead = await self.records(replace(topic, name=topic.dead_letter, partitions=1))
        return [
            record
            for record in dead
            if self.run.encode() in (record.value or b"")
            or dict(record.headers).get("run") == self.run.encode()
        ]

    async def records(self, topic: Topic) -> list:
        """Everything that stands in a topic now."""
        consumer = AIOKafkaConsumer(
            **client_options(self._kafka.bootstrap, self._kafka.supervisor),
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            parts = [TopicPartition(topic.name, n) for n in range(topic.partitions)]
            consumer.assign(parts)
            await consumer.seek_to_beginning(*parts)
            ends = await consumer.end_offsets(parts)
            found = []
            while any([await consumer.position(part) < end for part, end in ends.items()]):
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    found += batch
        finally:
            await consumer.stop()
        return found

    async def rows(self, query: str, *arguments: object) -> list[Mapping[str, object]]:
        connection = await asyncpg.connect(self._dsn)
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()
        for service in self._services:
            await service.stop()
        await self.producer.stop()


@pytest.fixture
async def world(kafka, postgres, database: str, tmp_path: Path) -> AsyncIterator[SettlementWorld]:
    await ensure_topics(kafka.bootstrap, kafka.supervisor, declared.ALL)
    pki = Pki(kafka.supervisor.cert_path.parent.parent)
    pki.service("settlement")
    world = SettlementWorld(kafka, postgres.dsn("settlement", database), pki, tmp_path)
    await world.producer.start()
    try:
        yield world
    finally:
        await world.close()
