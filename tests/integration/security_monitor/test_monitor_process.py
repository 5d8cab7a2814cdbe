"""Goal: whatever moment the monitor is killed at, every event is counted and found exactly once.

Method: a real process told to die at the nth passing of a named point, its heir, and counts taken
from the database and from the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from hexi.inventory.v1 import inventory_pb2
from hexi_contracts.topic import Topic
from hexi_contracts.topics import (
    INVENTORY_SERVER_SET,
    INVENTORY_SITE,
    SECURITY_DIRECTIVE,
    SECURITY_EVENT,
    SECURITY_FINDING,
    SECURITY_INCIDENT,
)
from hexi_kit.clock import SystemClock
from hexi_kit.ids import random_id
from hexi_kit.kafka.admin import ensure_topics
from hexi_kit.kafka.connection import client_options
from hexi_kit.kafka.ports import Partition, RawRecord
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.kafka.record import Outgoing
from hexi_kit.security_events import FRAME_REFUSED, SecurityEvent, ocsf_event
from hexi_kit.testing.pki import Pki
from hexi_local.network import free_ports
from hexi_local.service import Service
from hexi_local.testing import Ground
from hexi_security_monitor.stream.monitor import TOPICS

pytestmark = pytest.mark.integration

EVENTS = 40
GARBAGE = 3
POINTS = (
    "security_monitor.before_observe:1",
    "security_monitor.after_observe:3",
    "outbox.after_publish:1",
)


@dataclass
class World:
    """One broker for all tests, one database and one site for each."""

    kafka: object
    dsn: str
    logs: Path
    pki: Pki
    producer: EventProducer
    pool: asyncpg.Pool
    site: str
    address: str

    async def start(self, name: str, **environment: str) -> Service:
        ground = Ground(self.kafka, self.pki, self.logs, self.dsn)
        service = ground.service(name, "hexi_security_monitor.main", self.address, **environment)
        await service.start()
        return service

    async def tell(self, first: int, count: int) -> None:
        """Each event with racks of its own, so that only the first is contained."""
        now_ms = SystemClock().now_ms()
        events = [
            SecurityEvent(
                f"{self.site}-{n}", FRAME_REFUSED, "SIGNATURE", now_ms + n, "telemetry", "Push",
                f"spiffe://hexi/site/{self.site}/agent/1", "agent",
                details={"site_id": self.site, "racks": [f"r{n % 4}"]},
            )
            for n in range(first, first + count)
        ]  # fmt: skip
        await self.producer.send_all(
            Outgoing(SECURITY_EVENT, self.site, ocsf_event(event), event.event_id)
            for event in events
        )

    async def tell_garbage(self) -> None:
        partition = Partition(SECURITY_EVENT.name, SECURITY_EVENT.partition_of(self.site))
        await self.producer.send_raw(RawRecord(partition, b"k", b"\xff garbage"))

    async def until(self, query: str, expected: int) -> None:
        async with asyncio.timeout(60):
            while await self.pool.fetchval(query) != expected:
                await SystemClock().sleep(0.1)

    async def log(self, topic: Topic) -> list[str]:
        """Event ids of this site in a topic, in order."""
        partition = TopicPartition(topic.name, topic.partition_of(self.site))
        consumer = AIOKafkaConsumer(
            **client_options(self.kafka.bootstrap, self.kafka.supervisor), enable_auto_commit=False
        )
        await consumer.start()
        try:
            consumer.assign([partition])
            await consumer.seek_to_beginning(partition)
            end = (await consumer.end_offsets([partition]))[partition]
            found = []
            while await consumer.position(partition) < end:
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    found += [dict(record.headers)["ce_id"].decode() for record in batch
                              if record.key.decode().split("/")[0] == self.site]  # fmt: skip
        finally:
            await consumer.stop()
        return found


@pytest.fixture
async def world(kafka, postgres, database: str, tmp_path: Path) -> AsyncIterator[World]:
    await ensure_topics(kafka.bootstrap, kafka.supervisor, [*TOPICS, SECURITY_DIRECTIVE])
    pki = Pki(kafka.supervisor.cert_path.parent.parent)
    pki.service("security-monitor")
    producer = EventProducer(kafka.bootstrap, kafka.supervisor, "test", SystemClock())
    await producer.start()
    dsn = postgres.dsn("security-monitor", database)
    pool = await asyncpg.create_pool(
        dsn, min_size=1, max_size=2, server_settings={"search_path": "security_monitor"}
    )
    site = f"site-{random_id()[:8]}"
    address = f"127.0.0.1:{free_ports(1)[0]}"
    yield World(kafka, dsn, tmp_path, pki, producer, pool, site, address)
    await pool.close()
    await producer.stop()


async def publish_site(world: World) -> None:
    site = inventory_pb2.SiteRecorded(site=inventory_pb2.Site(site_id=world.site), state=3)
    racks = [f"r{n}" for n in range(4)]
    servers = inventory_pb2.ServerSet(
        site_id=world.site, revision=1, racks=racks, rack_index=range(4)
    )
    await world.producer.send(INVENTORY_SITE, world.site, site, event_id=random_id())
    await world.producer.send(INVENTORY_SERVER_SET, world.site, servers, event_id=random_id())


@pytest.mark.parametrize("point", POINTS)
async def test_killed_beside_a_commit(world: World, point: str) -> None:
    first = await world.start("first")
    await publish_site(world)
    await world.until(f"SELECT count(*) FROM rack_map WHERE site_id = '{world.site}'", 1)
    await first.stop()

    dying = await world.start("dying", HEXI_FAULTS=point)
    for n in range(0, EVENTS, 10):
        await world.tell(n, 10)
        await world.tell_garbage() if n < GARBAGE * 10 else None
        # One batch a time, so that the point is passed often enough.
        done = f"SELECT count(*) FROM finding f WHERE document LIKE '%{world.site}%'"
        while dying.child.running and await world.pool.fetchval(done) < n + 10:
            await SystemClock().sleep(0.05)
    async with asyncio.timeout(30):
        assert await dying.child.wait() == -9
    heir = await world.start("heir")
    # Everybody heard everything again is no more than everything heard once.
    await world.until("SELECT count(*) FROM finding", EVENTS)
    await world.until("SELECT refused FROM account WHERE topic = 'security.event.v1'", GARBAGE)
    await world.until("SELECT count(*) FROM outbox", 0)
    await heir.stop()

    row = await world.pool.fetchrow("SELECT * FROM account WHERE topic = 'security.event.v1'")
    assert (row["matched"], row["refused"], row["shed"]) == (EVENTS, GARBAGE, 0)
    assert await world.pool.fetchval("SELECT count(*) FROM incident") == 1
    assert await world.pool.fetchval("SELECT findings FROM incident") == EVENTS
    assert await world.pool.fetchval("SELECT count(*) FROM directive") == 1
    kept = {r["finding_id"] for r in await world.pool.fetch("SELECT finding_id FROM finding")}
    # A relay killed between publishing and deleting says a thing twice, under the same id.
    assert set(await world.log(SECURITY_FINDING)) == kept
    assert len(set(await world.log(SECURITY_DIRECTIVE))) == 1
    assert len(set(await world.log(SECURITY_INCIDENT))) == await world.pool.fetchval(
        "SELECT tellings FROM incident"
    )
