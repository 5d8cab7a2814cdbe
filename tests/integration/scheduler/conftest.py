"""A worker's world on the real broker: facts and requests in, processes to mistreat, logs out."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from array import array
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from google.protobuf.message import DecodeError, Message
from hexi.common.v1 import common_pb2
from hexi.inventory.v1 import inventory_pb2
from hexi.marketplace.v1 import marketplace_pb2
from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2
from hexi.telemetry.v1 import telemetry_pb2
from hexi_contracts import topics
from hexi_contracts.topic import Topic
from hexi_demo.audit import capacity, outcomes, usage
from hexi_demo.audit.log import Entry
from hexi_kit import ids
from hexi_kit.clock import SystemClock
from hexi_kit.kafka.admin import ensure_topics
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.kafka.record import Outgoing
from hexi_kit.kafka.tail import LogTail

PATIENCE_S = 90.0
READ = (
    topics.SCHEDULER_REQUEST,
    topics.SCHEDULER_ROUTE,
    topics.SCHEDULER_PLACEMENT,
    topics.SCHEDULER_USAGE,
)
LIVE = (place_pb2.PLACEMENT_STATE_PLACED, place_pb2.PLACEMENT_STATE_STARTED)


class World:
    """One test's sites and workloads; the logs are the witness, never a worker."""

    def __init__(self, kafka, folder: Path) -> None:
        self.run = ids.random_id()[:8]
        self.kafka, self._folder = kafka, folder
        self.clock = SystemClock()
        self.submitted: list[str] = []
        self.entries: dict[str, list[Entry]] = {topic.name: [] for topic in READ}
        self._grown = asyncio.Event()
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        supervisor = kafka.supervisor
        self._pki = supervisor.cert_path.parent.parent
        self.producer = EventProducer(kafka.bootstrap, supervisor, "test", self.clock)
        self._tail = LogTail(kafka.bootstrap, supervisor, READ, self._take)

    async def __aenter__(self) -> World:
        declared = [t for t in topics.ALL if "scheduler" in (*t.producers, *t.consumers)]
        await ensure_topics(self.kafka.bootstrap, self.kafka.supervisor, declared)
        self.kafka.identity("scheduler")
        await self.producer.start()
        self._task = asyncio.create_task(self._tail.run())
        # What ends reading ends who waits for what is read.
        self._task.add_done_callback(lambda _: self._grown.set())
        await self._tail.caught_up.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        for name in list(self._workers):
            self.kill(name)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.producer.stop()

    def start_worker(self, name: str, faults: str = "", metrics_listen: str = "") -> None:
        environment = {
            **os.environ,
            "HEXI_FAULTS": faults,
            "HEXI_METRICS_LISTEN": metrics_listen,
            "HEXI_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "HEXI_PKI_DIR": str(self._pki),
            "HEXI_STATE_DIR": str(self._folder),
            "HEXI_WORKER_INSTANCE": name,
            "HEXI_SESSION_TIMEOUT_S": "6",
            "HEXI_SITE_STATE_INTERVAL_MS": "200",
        }
        with (self._folder / f"{name}.log").open("ab") as log:
            self._workers[name] = subprocess.Popen(
                [sys.executable, "-m", "hexi_scheduler.main", "worker"],
                env=environment,
                stdout=log,
                stderr=log,
            )

    def kill(self, name: str) -> None:
        worker = self._workers.pop(name)
        worker.kill()
        worker.wait()

    def signal(self, name: str, number: signal.Signals) -> None:
        self._workers[name].send_signal(number)

    async def exit_code(self, name: str) -> int:
        return await asyncio.to_thread(self._workers[name].wait, PATIENCE_S)

    def site_id(self, n: int) -> str:
        return f"{self.run}-{n}"

    async def open_sites(self, count: int = 2, servers: int = 20) -> None:
        """Publish admitted sites with plain servers of 16 vCPU, half of them in rack r1."""
        events = []
        for n in range(count):
            site_id = self.site_id(n)
            site = inventory_pb2.Site(
                site_id=site_id,
                region="gansu",
                prices=[inventory_pb2.Price(class_id="general", price_micro_yuan=100 + n)],
            )
            recorded = inventory_pb2.SiteRecorded(
                site=site, revision=1, state=inventory_pb2.ADMISSION_STATE_ADMITTED
            )
            fleet = inventory_pb2.ServerSet(
                site_id=site_id,
                revision=1,
                racks=["r0", "r1"],
                rack_index=[i % 2 for i in range(servers)],
                cpu_milli=[16_000] * servers,
                memory_mib=[65_536] * servers,
                accelerators=[0] * servers,
            )
            events.append(self._event(topics.INVENTORY_SITE, site_id, recorded))
            events.append(self._event(topics.INVENTORY_SERVER_SET, site_id, fleet))
        await self.producer.send_all(events)

    async def submit(
        self, count: int, requests: int = 4, cpu_milli: int = 1_000, lease_id: str = ""
    ) -> list[str]:
        """Workloads for our sites, in several requests to every partition they fall in."""
        names: list[str] = []
        for part in range(requests):
            by_partition: dict[int, list[workload_pb2.Workload]] = {}
            for n in range(part, count, requests):
                name = ids.derive("test", self.run, len(self.submitted), n)
                names.append(name)
                partition = topics.SCHEDULER_REQUEST.partition_of(name)
                by_partition.setdefault(partition, []).append(
                    self._workload(name, cpu_milli, lease_id)
                )
            await self.ask(
                (partition, route_pb2.Request(submit=route_pb2.SubmitBatch(workloads=part)))
                for partition, part in by_partition.items()
            )
        self.submitted.extend(names)
        return names

    async def ask(self, requests) -> None:
        topic = topics.SCHEDULER_REQUEST
        events = []
        for partition, request in requests:
            request.recorded_at_ms = self.clock.now_ms()
            events.append(Outgoing(topic, "any", request, ids.random_id(), partition))
        await self.producer.send_all(events)

    async def command(self, site_id: str, **item: Message) -> None:
        said = place_pb2.SiteCommand(site_id=site_id, recorded_at_ms=self.clock.now_ms(), **item)
        await self.producer.send_all([self._event(topics.SCHEDULER_COMMAND, site_id, said)])

    async def report(self, state: place_pb2.RunState, placements: Sequence) -> None:
        by_site: dict[str, list[place_pb2.RunReport]] = {}
        for placement in placements:
            by_site.setdefault(placement.site_id, []).append(
                place_pb2.RunReport(
                    placement_id=placement.placement_id, state=state, at_ms=self.clock.now_ms()
                )
            )
        for site_id, reports in sorted(by_site.items()):
            await self.command(site_id, runs=place_pb2.RunReports(reports=reports))

    async def frame(self, sequence: int, inlet_c: Sequence[float]) -> None:
        """One frame of our first site, as telemetry would have accepted it."""
        column = telemetry_pb2.Column(
            metric=telemetry_pb2.METRIC_INLET_TEMPERATURE_C,
            values=array("f", inlet_c).tobytes(),
        )
        site_id = self.site_id(0)
        frame = telemetry_pb2.Frame(
            site_id=site_id,
            sequence=sequence,
            server_set_revision=1,
            observed_at_ms=self.clock.now_ms(),
            period_ms=60_000,
            count=len(inlet_c),
            columns=[column],
        )
        signed = telemetry_pb2.SignedFrame(frame=frame.SerializeToString())
        await self.producer.send_all([self._event(topics.TELEMETRY_FRAME, site_id, signed)])

    async def lease(self, units: int, price_micro_yuan: int) -> str:
        """A lease on plain servers of our first site, in force now."""
        now_ms = self.clock.now_ms()
        lease_id = ids.derive("lease", self.run)
        granted = marketplace_pb2.LeaseGranted(
            lease_id=lease_id,
            tenant_id="t",
            site_id=self.site_id(0),
            class_id="general",
            units=units,
            start_ms=now_ms - 1_000,
            end_ms=now_ms + 3_600_000,
            price_micro_yuan=price_micro_yuan,
        )
        await self.producer.send_all([self._event(topics.MARKETPLACE_LEASE, "shard", granted)])
        await self.command(self.site_id(0), tick=place_pb2.Ticked(now_ms=now_ms))
        return lease_id

    def leases(self) -> list[str]:
        return [
            entry.value.reservation.reservation.lease_id
            for entry in self._own(topics.SCHEDULER_PLACEMENT)
            if "/reservation/" in entry.key
        ]

    def out(self, condition: int) -> list[int]:
        """Servers of our first site that are out for this condition."""
        said = [
            entry.value.condition
            for entry in self._own(topics.SCHEDULER_PLACEMENT)
            if "/condition/" in entry.key and entry.value.condition.condition == condition
        ]
        return list(said[-1].servers) if said else []

    def placements(self, *states: int) -> list[place_pb2.PlacementRecord]:
        """The newest record of each of our placements in one of these states."""
        newest = {
            entry.key: entry.value.placement
            for entry in self._own(topics.SCHEDULER_PLACEMENT)
            if isinstance(entry.value, place_pb2.PlaceJournal) and "/p/" in entry.key
        }
        return [placement for placement in newest.values() if placement.state in states]

    def routes(self) -> dict[str, route_pb2.RouteDecided]:
        return outcomes.newest_routes(self._own(topics.SCHEDULER_ROUTE))[0]

    async def until(self, what: Callable[[], bool]) -> None:
        """Wait, as the logs grow, until they say so."""
        async with asyncio.timeout(PATIENCE_S):
            while not what():
                if self._task.done():
                    self._task.result()
                self._grown.clear()
                await self._grown.wait()

    def wrong(self) -> list[str]:
        """All that the logs of this run show to be wrong."""
        journal = self._own(topics.SCHEDULER_PLACEMENT)
        found, _ = outcomes.checks(
            self.submitted,
            self._own(topics.SCHEDULER_REQUEST),
            self._own(topics.SCHEDULER_ROUTE),
            journal,
        )
        found += capacity.checks(journal)
        records = [
            p for of in outcomes.placements_by_workload(journal).values() for p in of.values()
        ]
        usages = self._own(topics.SCHEDULER_USAGE)
        if any(record.started_at_ms for record in records):
            found += usage.checks(usages, records)
        return [f"{check.name}: {problem}" for check in found for problem in check.examples]

    def _own(self, topic: Topic) -> list[Entry]:
        own = set(self.submitted)
        if topic is topics.SCHEDULER_ROUTE:
            return [entry for entry in self.entries[topic.name] if entry.key in own]
        if topic is topics.SCHEDULER_REQUEST:
            return [
                entry
                for entry in self.entries[topic.name]
                if entry.value and any(w.workload_id in own for w in entry.value.submit.workloads)
            ]
        return [e for e in self.entries[topic.name] if e.key.startswith(self.run)]

    def _take(self, name: str, records) -> None:
        topic = next(topic for topic in READ if topic.name == name)
        for record in records:
            value = record.value
            key = (record.key or b"").decode()
            if value is not None and not key.startswith("fence/"):
                try:
                    value = topic.message.FromString(value)
                except DecodeError:
                    continue  # garbage that a test has sent
            self.entries[name].append(Entry(record.partition, record.offset, key, value))
        self._grown.set()

    def _workload(self, name: str, cpu_milli: int, lease_id: str = "") -> workload_pb2.Workload:
        spec = workload_pb2.WorkloadSpec(
            name="test",
            replicas=1,
            lease_id=lease_id,
            resources=common_pb2.Resources(cpu_milli=cpu_milli, memory_mib=256),
        )
        spec.constraints.site_ids.extend(self.site_id(n) for n in range(9))
        return workload_pb2.Workload(
            workload_id=name, tenant_id="t", spec=spec, submitted_at_ms=self.clock.now_ms()
        )

    def _event(self, topic: Topic, key: str, message: Message) -> Outgoing:
        return Outgoing(topic, key, message, ids.random_id())


@pytest.fixture
async def world(kafka, tmp_path) -> AsyncIterator[World]:
    async with World(kafka, tmp_path) as made:
        yield made
