"""A real marketplace process on the real broker, beside a settlement that only keeps holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from hexi.inventory.v1 import inventory_pb2
from hexi.marketplace.v1 import marketplace_service_pb2_grpc as market_stubs
from hexi.settlement.v1 import settlement_pb2
from hexi.settlement.v1 import settlement_service_pb2 as settlement
from hexi.settlement.v1 import settlement_service_pb2_grpc as settlement_stubs
from hexi_contracts.topic import Topic
from hexi_contracts.topics import (
    INVENTORY_SERVER_SET,
    INVENTORY_SITE,
    MARKETPLACE_DEPTH,
    MARKETPLACE_LEASE,
    MARKETPLACE_ORDER,
    MARKETPLACE_TRADE,
    SECURITY_DIRECTIVE,
    SECURITY_EVENT,
)
from hexi_kit.clock import SystemClock
from hexi_kit.errors import FailedPrecondition
from hexi_kit.identity import Principal
from hexi_kit.ids import derive, random_id
from hexi_kit.journal.ownership import is_fence
from hexi_kit.kafka.admin import ensure_topics
from hexi_kit.kafka.connection import client_options
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.kafka.record import Record
from hexi_kit.rpc.channel import open_channel
from hexi_kit.testing.pki import Pki
from hexi_kit.testing.rpc import serve
from hexi_local.kafka import EmbeddedKafka
from hexi_local.network import free_ports
from hexi_local.service import Service
from hexi_local.testing import Ground

TOPICS = (
    INVENTORY_SITE,
    INVENTORY_SERVER_SET,
    SECURITY_DIRECTIVE,
    SECURITY_EVENT,
    MARKETPLACE_ORDER,
    MARKETPLACE_TRADE,
    MARKETPLACE_LEASE,
    MARKETPLACE_DEPTH,
)
DEADLINE_S = 60


class Purse(settlement_stubs.SettlementServiceServicer):
    """Holds by key; an account called `poor` has no money."""

    def __init__(self) -> None:
        self.holds: dict[str, settlement_pb2.Hold] = {}

    async def PlaceHold(self, request, context):
        if request.account_id == "poor":
            raise FailedPrecondition("the balance does not cover the hold", request.account_id)
        hold_id = derive("hold", request.idempotency_key)
        hold = settlement_pb2.Hold(
            hold_id=hold_id,
            account_id=request.account_id,
            amount_fen=request.amount_fen,
            state=settlement_pb2.HOLD_STATE_PLACED,
            subject=request.subject,
        )
        return settlement.PlaceHoldResponse(hold=self.holds.setdefault(hold_id, hold))

    async def ReleaseHold(self, request, context):
        hold = self.holds[request.hold_id]
        hold.state = settlement_pb2.HOLD_STATE_RELEASED
        return settlement.ReleaseHoldResponse(hold=hold)


class MarketWorld:
    """`site` is new for every test, so that tests share topics without meeting."""

    def __init__(self, kafka, pki: Pki, purse_address: str, logs: Path) -> None:
        self.kafka, self.pki, self.logs = kafka, pki, logs
        self._purse_address = purse_address
        self._channels: list[grpc.aio.Channel] = []
        self._services: list[Service] = []
        self.purse: Purse
        self.site = f"site-{random_id()[:8]}"
        self.producer = EventProducer(kafka.bootstrap, kafka.supervisor, "test", SystemClock())

    async def publish_site(self) -> None:
        """One admitted site of grade B with 100 servers of 64 vCPU."""
        facts = inventory_pb2.SiteRecorded(
            site=inventory_pb2.Site(site_id=self.site, operator="seller", pue_milli=1_210),
            revision=1,
            state=inventory_pb2.ADMISSION_STATE_ADMITTED,
        )
        servers = inventory_pb2.ServerSet(
            site_id=self.site,
            revision=1,
            racks=["r1"],
            rack_index=[0] * 100,
            cpu_milli=[64_000] * 100,
        )
        await self.producer.send(INVENTORY_SITE, self.site, facts, event_id=random_id())
        await self.producer.send(INVENTORY_SERVER_SET, self.site, servers, event_id=random_id())

    async def start(self, name: str = "marketplace", **environment: str) -> Service:
        """A marketplace process that is ready; `environment` adds to what it is told."""
        address = f"127.0.0.1:{free_ports(1)[0]}"
        told = {"HEXI_SETTLEMENT_ADDRESS": self._purse_address} | environment
        ground = Ground(self.kafka, self.pki, self.logs)
        service = ground.service(name, "hexi_marketplace.main", address, **told)
        self._services.append(service)
        await service.start()
        return service

    def stub(self, service: Service, caller: Principal) -> market_stubs.MarketplaceServiceStub:
        channel = open_channel(service._plan.address, self.pki.identity(caller))
        self._channels.append(channel)
        return market_stubs.MarketplaceServiceStub(channel)

    async def read(self, topic: Topic) -> list[Record]:
        """All that stands in a topic, fences left out, by partition and offset."""
        async with self._reader(topic) as (consumer, ends):
            found = []
            left = {tp: end for tp, end in ends.items() if end}
            while left:
                for tp, raws in (await consumer.getmany(timeout_ms=500)).items():
                    found += [_record(raw) for raw in raws if raw.offset < ends[tp]]
                    if raws[-1].offset + 1 >= ends[tp]:
                        left.pop(tp, None)
        found.sort(key=lambda record: (record.partition, record.offset))
        return [record for record in found if not is_fence(record.key)]

    async def until(self, topic: Topic, wanted) -> None:
        """Return once `wanted(records so far)` is true, or fail in time."""
        seen: list[Record] = []
        async with asyncio.timeout(DEADLINE_S), self._reader(topic) as (consumer, _):
            while not wanted(seen):
                for raws in (await consumer.getmany(timeout_ms=500)).values():
                    seen += [_record(raw) for raw in raws if not is_fence(raw.key)]

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()
        for service in self._services:
            await service.stop()

    @asynccontextmanager
    async def _reader(self, topic: Topic):
        consumer = AIOKafkaConsumer(
            **client_options(self.kafka.bootstrap, self.kafka.supervisor),
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            partitions = [TopicPartition(topic.name, n) for n in range(topic.partitions)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            yield consumer, await consumer.end_offsets(partitions)
        finally:
            await consumer.stop()


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A broker of this module's own: its trades stand on holds that no real settlement knows,
    and whoever read them later would drown in dead letters."""
    root = tmp_path_factory.mktemp("market-kafka")
    broker = EmbeddedKafka(root, root / "pki")
    # A loop of its own: the tests' loops come and go, the broker stays.
    with asyncio.Runner() as runner:
        runner.run(broker.start())
        yield broker
        runner.run(broker.stop())


def _record(raw) -> Record:
    return Record(raw.topic, raw.partition, raw.offset, raw.key, raw.value, dict(raw.headers))


@pytest.fixture
async def world(kafka, tmp_path: Path) -> AsyncIterator[MarketWorld]:
    await ensure_topics(kafka.bootstrap, kafka.supervisor, TOPICS)
    pki = Pki(kafka.supervisor.cert_path.parent.parent)
    pki.service("marketplace")
    purse = Purse()
    add = settlement_stubs.add_SettlementServiceServicer_to_server
    async with serve([(add, purse)], pki, service_name="settlement") as harness:
        world = MarketWorld(kafka, pki, harness.address, tmp_path)
        world.purse = purse
        await world.producer.start()
        await world.publish_site()
        try:
            yield world
        finally:
            await world.close()
            await world.producer.stop()
