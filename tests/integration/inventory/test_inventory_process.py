"""Goal: whatever moment the inventory is killed at, a repeated request is done exactly once.

Method: a real process told to die at a named point, a caller that repeats every request under its
key until it is answered, and counts taken from the database and from the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import grpc
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from hexi.inventory.v1 import inventory_pb2
from hexi.inventory.v1 import inventory_service_pb2 as pb
from hexi.inventory.v1 import inventory_service_pb2_grpc as pb_grpc
from hexi.telemetry.v1 import telemetry_pb2
from hexi_contracts.topic import Topic
from hexi_contracts.topics import (
    INVENTORY_ADMISSION,
    INVENTORY_SERVER_SET,
    INVENTORY_SITE,
    SECURITY_EVENT,
    TELEMETRY_ROLLUP,
)
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

pytestmark = pytest.mark.integration

TOPICS = [
    INVENTORY_SITE,
    INVENTORY_SERVER_SET,
    INVENTORY_ADMISSION,
    SECURITY_EVENT,
    TELEMETRY_ROLLUP,
]
OPERATOR = Principal("operator", "duty")
SUPERVISOR = Principal("supervisor", "desk")
POINTS = (
    "inventory.before_register:1",
    "inventory.after_publish:1",
    "inventory.before_conform:1",
    "inventory.after_decide:1",
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
        service = ground.service(name, "hexi_inventory.main", self.address, **environment)
        await service.start()
        return service

    async def ask(self, caller: Principal, method: str, request: object):
        identity = self.pki.identity(caller)
        async with open_channel(self.address, identity) as channel:
            stub = pb_grpc.InventoryServiceStub(channel)
            return await getattr(stub, method)(request, timeout=10)

    async def log(self, topic: Topic) -> list[tuple[str, bytes]]:
        """(event id, value) of this site in a topic, in order."""
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
                    found += [(dict(r.headers)["ce_id"].decode(), r.value) for r in batch
                              if r.key == self.site.encode()]  # fmt: skip
        finally:
            await consumer.stop()
        return found

    async def until(self, query: str, expected: object) -> None:
        async with asyncio.timeout(60):
            while await self.pool.fetchval(query) != expected:
                await SystemClock().sleep(0.1)


@pytest.fixture
async def world(kafka, postgres, database: str, tmp_path: Path) -> AsyncIterator[World]:
    await ensure_topics(kafka.bootstrap, kafka.supervisor, TOPICS)
    pki = Pki(kafka.supervisor.cert_path.parent.parent)
    pki.service("inventory")
    producer = EventProducer(kafka.bootstrap, kafka.supervisor, "test", SystemClock())
    await producer.start()
    dsn = postgres.dsn("inventory", database)
    pool = await asyncpg.create_pool(
        dsn, min_size=1, max_size=2, server_settings={"search_path": "inventory"}
    )
    site = f"site-{random_id()[:8]}"
    address = f"127.0.0.1:{free_ports(1)[0]}"
    yield World(kafka, dsn, tmp_path, pki, producer, pool, site, address)
    await pool.close()
    await producer.stop()


def requests(site_id: str) -> list[tuple[Principal, str, object]]:
    """From application to admission, each under its own key."""
    site = inventory_pb2.Site(
        site_id=site_id, name_zh="站", name_en="S", hub="gansu", cluster="hexi", region="gansu",
        operator="o", contact=inventory_pb2.Contact(name="a", email="b", phone="c"),
        standard_racks=400, design_power_w=10**6, rack_power_w=6_000, pue_milli=1_200,
        agent_fingerprints=["ab" * 32],
    )  # fmt: skip
    servers = inventory_pb2.ServerSet(
        site_id=site_id, racks=["r1"], rack_index=[0, 0], models=["m"], model_index=[0, 0],
        cpu_milli=[1_000] * 2, memory_mib=[1_024] * 2, accelerator_index=[0, 0],
        accelerators=[0, 0], power_limit_w=[500] * 2,
    )  # fmt: skip
    return [
        (OPERATOR, "RegisterSite", pb.RegisterSiteRequest(idempotency_key="k", site=site)),
        (
            OPERATOR,
            "PublishServerSet",
            pb.PublishServerSetRequest(idempotency_key="k", server_set=servers),
        ),
        (OPERATOR, "ConformSite", pb.ConformSiteRequest(idempotency_key="k", site_id=site_id)),
        (
            SUPERVISOR,
            "DecideAdmission",
            pb.DecideAdmissionRequest(idempotency_key="k", site_id=site_id, state=3, reason="fit"),
        ),
    ]


@pytest.mark.parametrize("point", POINTS)
async def test_killed_beside_a_commit(world: World, point: str) -> None:
    service = dying = await world.start("dying", HEXI_FAULTS=point)
    answers = []
    for caller, method, request in requests(world.site):
        try:
            answers.append(await world.ask(caller, method, request))
        except grpc.aio.AioRpcError:
            assert service is dying
            assert await dying.child.wait() == -9
            service = await world.start("heir")
            answers.append(await world.ask(caller, method, request))
    if service is dying:
        # The relay dies beside the requests, maybe after the last of them.
        async with asyncio.timeout(30):
            assert await dying.child.wait() == -9
        service = await world.start("heir")

    again = [await world.ask(*request) for request in requests(world.site)]
    await world.until("SELECT count(*) FROM outbox", 0)
    await service.stop()

    assert again == answers
    for table, rows in (("site_revision", 1), ("server_set_revision", 1), ("admission_step", 3)):
        assert await world.pool.fetchval(f"SELECT count(*) FROM {table}") == rows
    told = {topic: await world.log(topic) for topic in TOPICS[:3]}
    # A relay killed between publishing and deleting says a thing twice, under the same id.
    assert [len(set(told[topic])) for topic in TOPICS[:3]] == [3, 1, 3]
    last = inventory_pb2.SiteRecorded.FromString(told[INVENTORY_SITE][-1][1])
    assert last.state == inventory_pb2.ADMISSION_STATE_ADMITTED


async def test_metered_pue_is_told_as_an_interim_finding(world: World) -> None:
    service = await world.start("inventory")
    for caller, method, request in requests(world.site)[:1]:
        await world.ask(caller, method, request)
    quarter_ms = 900_000
    for revision, facility_ws in ((1, 200), (2, 160)):
        rollup = telemetry_pb2.RollupClosed(
            site_id=world.site,
            start_ms=quarter_ms,
            end_ms=2 * quarter_ms,
            revision=revision,
            it_energy_ws=100,
            facility_energy_ws=facility_ws,
            coverage_ppm=990_000,
        )
        await world.producer.send(
            TELEMETRY_ROLLUP, world.site, rollup, event_id=f"{world.site}-{revision}"
        )
    query = f"SELECT facility_energy_ws FROM rollup WHERE site_id = '{world.site}'"
    await world.until(query, 160)

    request = pb.ConformSiteRequest(idempotency_key="c", site_id=world.site)
    admission = (await world.ask(OPERATOR, "ConformSite", request)).admission

    (finding,) = [f for f in admission.findings if f.rule_id == "pue-measured-interim"]
    assert (finding.value, finding.passed, finding.advisory) == ("1.6", False, True)
    assert admission.state == inventory_pb2.ADMISSION_STATE_CONFORMED
    await service.stop()
