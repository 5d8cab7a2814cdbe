"""kill -9 of the scheduler worker with 1,000,000 live placements → the next placement."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError
from hexi.common.v1 import common_pb2
from hexi.inventory.v1 import inventory_pb2
from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2
from hexi_contracts import topics
from hexi_contracts.topic import Topic
from hexi_kit import ids
from hexi_kit.clock import SystemClock
from hexi_kit.journal.appender import JournalAppender
from hexi_kit.kafka.batch import Entry
from hexi_kit.kafka.connection import client_options
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.kafka.record import Outgoing
from hexi_scheduler.domain.placement import Allocation, Placement, PlacementState, Tariff
from hexi_scheduler.domain.route.route import Route, RouteState
from hexi_scheduler.domain.workload import Workload
from hexi_scheduler.stream.door import GROUP
from hexi_scheduler.wire import place_journal, route
from hexi_scheduler.wire.facts import server_set, site_facts
from hexi_scheduler.wire.workload import WorkloadReader

from tests.bench.bench_e2e import SERVICES, Placements, batch, submit
from tests.bench.figures import show
from tests.bench.province import Province, running

LIVE = 1_000_000
SITES, SERVERS = 128, 2_000
CHUNK = 20_000
PROBE_EVERY_S = 0.05
GAP_MAX_S = 300.0

clock = SystemClock()
Written = tuple[int, list[Entry]]


def facts(site_id: str) -> list[Entry]:
    """The site and its servers, 96 vCPU and half a TiB each, as PLACE has decided them."""
    site = inventory_pb2.Site(
        site_id=site_id,
        region="gansu",
        pue_milli=1_200,
        prices=[inventory_pb2.Price(class_id="general", price_micro_yuan=15_000)],
    )
    recorded = inventory_pb2.SiteRecorded(
        site=site, revision=1, state=inventory_pb2.ADMISSION_STATE_ADMITTED
    )
    fleet = inventory_pb2.ServerSet(
        site_id=site_id,
        revision=1,
        racks=[f"r{n}" for n in range(SERVERS // 20)],
        rack_index=[n // 20 for n in range(SERVERS)],
        cpu_milli=[96_000] * SERVERS,
        memory_mib=[524_288] * SERVERS,
        accelerators=[0] * SERVERS,
    )
    partition = topics.SCHEDULER_COMMAND.partition_of(site_id)
    events = (site_facts(recorded), server_set(fleet))
    return list(place_journal.entries(site_id, events, partition, 0))


def workload(number: int, now_ms: int, reader: WorkloadReader) -> Workload:
    spec = workload_pb2.WorkloadSpec(
        name=f"live-{number % 50}",
        template=workload_pb2.TEMPLATE_INFERENCE,
        replicas=1,
        resources=common_pb2.Resources(cpu_milli=1_000 * (1 + number % 4), memory_mib=512),
        duration_s=3_600,
        duration_s_max=86_400,
    )
    return reader.read(
        workload_pb2.Workload(
            workload_id=ids.derive("live", number),
            tenant_id=f"tenant-{number % 20}",
            spec=spec,
            submitted_at_ms=now_ms,
        )
    )


def journals(now_ms: int) -> Iterator[tuple[list[Written], list[Written]]]:
    """Chunks of the journals of PLACE and of ROUTE, by partition."""
    names = [f"site-{n:03}" for n in range(SITES)]
    yield [(topics.SCHEDULER_COMMAND.partition_of(name), facts(name)) for name in names], []
    reader = WorkloadReader()
    for offset, first in enumerate(range(0, LIVE, CHUNK)):
        place: dict[int, list[Entry]] = {}
        routes: dict[int, list[Entry]] = {}
        for number in range(first, first + CHUNK):
            site_id = names[number % SITES]
            asked = workload(number, now_ms, reader)
            placed = Placement(
                ids.derive("placement", asked.workload_id, 1),
                asked,
                1,
                PlacementState.PLACED,
                now_ms,
                (Allocation(number // SITES % SERVERS, (), 0),),
                "general",
                "fleet",
                1,
                Tariff(15_000),
                asked.demand.units,
            )
            partition = topics.SCHEDULER_COMMAND.partition_of(site_id)
            place.setdefault(partition, []).extend(
                place_journal.entries(site_id, (placed,), partition, offset)
            )
            routed = Route(asked, RouteState.ROUTED, now_ms, site_id, "general", 1, 16_000)
            partition = topics.SCHEDULER_REQUEST.partition_of(asked.workload_id)
            routes.setdefault(partition, []).extend(route.entries((routed,), partition, offset))
        yield list(place.items()), list(routes.items())


async def write(province: Province, topic: Topic, parts: Sequence[Written]) -> None:
    """As an owner would, who is gone afterwards."""
    appender = JournalAppender(province.hexi.kafka, province.cast.of("scheduler"), topic, clock)
    await appender.start()
    try:
        for partition, _ in parts:
            await appender.claim(partition)
        for partition, entries in parts:
            await appender.append(partition, entries)
    finally:
        await appender.stop()


async def answer(province: Province) -> None:
    """The commands and requests that the journals answer, heard and committed."""
    scheduler = province.cast.of("scheduler")
    producer = EventProducer(province.hexi.kafka, scheduler, "scheduler", clock)
    consumer = AIOKafkaConsumer(
        **client_options(province.hexi.kafka, scheduler), group_id=GROUP, enable_auto_commit=False
    )
    await producer.start()
    await consumer.start()
    try:
        heard = {
            topics.SCHEDULER_COMMAND: place_pb2.SiteCommand(),
            topics.SCHEDULER_REQUEST: route_pb2.Request(),
        }
        for topic, message in heard.items():
            partitions = range(topic.partitions)
            await producer.send_all(
                Outgoing(topic, "bench", message, f"heard-{number}", partition)
                for number in range(LIVE // CHUNK)
                for partition in partitions
            )
            parts = [TopicPartition(topic.name, partition) for partition in partitions]
            consumer.assign(parts)
            await commit(consumer, dict.fromkeys(parts, LIVE // CHUNK))
    finally:
        await consumer.stop()
        await producer.stop()


async def commit(consumer: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
    """The stopped worker is a member of its group until its session is over."""
    while True:
        try:
            await consumer.commit(offsets)
            return
        except CommitFailedError:
            await clock.sleep(1)


async def next_placement_s(province: Province, placements: Placements, key: str) -> float:
    began_s = clock.real_monotonic_s()
    (name,) = await submit(province, key, batch(1))
    placement_id = ids.derive("placement", name, 1)
    while placement_id not in placements.seen:
        if clock.real_monotonic_s() - began_s > GAP_MAX_S:
            raise TimeoutError(f"no placement in {GAP_MAX_S:.0f} s")
        await clock.sleep(PROBE_EVERY_S)
    return placements.seen[placement_id] - began_s


async def run() -> None:
    async with running(SERVICES) as province:
        await province.hexi.stop_one("scheduler-worker")
        written_s = clock.real_monotonic_s()
        for place, routes in journals(clock.now_ms()):
            for topic, parts in (
                (topics.SCHEDULER_PLACEMENT, place),
                (topics.SCHEDULER_ROUTE, routes),
            ):
                await write(province, topic, parts)
        await answer(province)
        written_s = clock.real_monotonic_s() - written_s
        placements = Placements()
        await province.follow([topics.SCHEDULER_PLACEMENT], placements.apply)
        await province.hexi.start_one("scheduler-worker")
        started_s = await next_placement_s(province, placements, "first")
        province.hexi.kill("scheduler-worker")
        took_s = await next_placement_s(province, placements, "second")
    show("recover.to_next_placement", took_s, "s", live=LIVE, first=started_s, written_s=written_s)


def main() -> None:
    asyncio.run(run())
