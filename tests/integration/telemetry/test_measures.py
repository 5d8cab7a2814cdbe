"""Goal: what agents measure reaches everybody who asks, and a lie does not.

Method: a real telemetry process; real agents' meshes between three sites; reports of one's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
import pytest
from hexi.inventory.v1 import inventory_pb2
from hexi.telemetry.v1 import measure_pb2 as shapes
from hexi.telemetry.v1 import measure_service_pb2 as pb
from hexi.telemetry.v1.measure_service_pb2_grpc import MeasureServiceStub
from hexi_agent.backoff import Backoff
from hexi_agent.mesh.mesh import Mesh, MeshNeeds
from hexi_agent.mesh.options import MeshConfig
from hexi_contracts.topics import INVENTORY_SERVER_SET, INVENTORY_SITE, TELEMETRY_MEASURE
from hexi_kit.clock import SystemClock
from hexi_kit.identity import Principal
from hexi_kit.ids import random_id, seeded
from hexi_kit.kafka.admin import ensure_topics
from hexi_kit.rpc.channel import open_channel
from hexi_kit.testing.fuzz import Attack, assault

pytestmark = pytest.mark.integration
SERVICE = pb.DESCRIPTOR.services_by_name["MeasureService"]
KEY = bytes(range(32))
# An hour in a second: what is looked at once a minute is looked at at once.
FAST = "scaled:{now}:{now}:60"


@dataclass
class Province:
    """One telemetry process and three sites, two of them in one region."""

    world: object
    sites: tuple[str, str, str]

    def agent(self, site: str) -> Principal:
        return Principal("agent", "1", site)

    def stub(self, caller: Principal) -> MeasureServiceStub:
        world = self.world
        channel = open_channel(world.address, world.pki.identity(caller))
        world._channels.append(channel)
        return MeasureServiceStub(channel)

    async def until_measured(self, site: str, is_there) -> shapes.SiteMeasured:
        stub = self.stub(self.agent(site))
        async with asyncio.timeout(60):
            while True:
                answer = await stub.ListMeasures(pb.ListMeasuresRequest(site_id=site))
                if answer.sites and is_there(answer.sites[0]):
                    return answer.sites[0]
                await SystemClock().sleep(0.1)

    async def report(
        self, site: str, measured: dict[str, int] | None = None, **changed: object
    ) -> pb.ReportMeshResponse:
        told = {"site_id": site, "agent_id": "1", "address": "127.0.0.1:7201", "public_key": KEY}
        found = [
            pb.PeerWindow(
                peer_site_id=peer, rtt_min_us=us, rtt_p50_us=us, rtt_p99_us=us, samples=60
            )
            for peer, us in (measured or {}).items()
        ]
        request = pb.ReportMeshRequest(**{**told, "windows": found, **changed})
        return await self.stub(self.agent(site)).ReportMesh(request)


@pytest.fixture
async def province(world) -> AsyncIterator[Province]:
    await ensure_topics(world._kafka.bootstrap, world._kafka.supervisor, [TELEMETRY_MEASURE])
    sites = tuple(f"{name}-{random_id()[:8]}" for name in ("lanzhou", "qingyang", "shanghai"))
    for site, region in zip(sites, ("gansu", "gansu", "east"), strict=True):
        facts = inventory_pb2.Site(
            site_id=site, region=region, security_grade=3, carbon_g_per_kwh=477
        )
        recorded = inventory_pb2.SiteRecorded(
            site=facts, revision=1, state=inventory_pb2.ADMISSION_STATE_ADMITTED
        )
        servers = inventory_pb2.ServerSet(
            site_id=site, revision=1, racks=["r"], rack_index=[0, 0, 0]
        )
        await world.producer.send(INVENTORY_SITE, site, recorded, event_id=random_id())
        await world.producer.send(INVENTORY_SERVER_SET, site, servers, event_id=random_id())
    await world.start(HEXI_CLOCK=FAST.format(now=SystemClock().now_ms()))
    made = Province(world, sites)
    async with asyncio.timeout(30):
        while not await heard_of_all(made):
            await SystemClock().sleep(0.1)
    yield made


async def heard_of_all(province: Province) -> bool:
    for site in province.sites:
        try:
            await province.stub(province.agent(site)).ListGrades(pb.ListGradesRequest(site_id=site))
        except grpc.aio.AioRpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND
            return False
    return True


@asynccontextmanager
async def mesh(province: Province, site: str) -> AsyncIterator[None]:
    clock, stub = SystemClock(), province.stub(province.agent(site))
    backoff = Backoff(clock, seeded(1), 0.1, 1.0)
    needs = MeshNeeds(site, "1", stub.ReportMesh, clock, clock, backoff)
    made = Mesh(needs, MeshConfig(listen="127.0.0.1:0", probe_ms=20, window_s=1))
    await made.start()
    tasks = [asyncio.create_task(run()) for run in (made.report, made.probe)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await made.stop()


async def test_the_mesh_of_three_sites_is_published(province: Province) -> None:
    one, two, three = province.sites

    async with mesh(province, one), mesh(province, two), mesh(province, three):
        found = await province.until_measured(
            one, lambda m: [x.state for x in m.links] == [shapes.LINK_STATE_AGREED] * 2
        )

    assert {link.peer_site_id for link in found.links} == {two, three}
    assert all(0 < x.rtt_min_us <= x.rtt_p50_us <= x.rtt_p99_us for x in found.links)
    assert [(x.region, x.sites) for x in found.latencies] == [("east", 1), ("gansu", 1)]
    province.world.site = one
    *_, newest = await province.world.of_site(TELEMETRY_MEASURE)
    assert newest.revision >= found.revision


async def test_a_lie_and_a_benchmark_are_graded_for_what_they_are(province: Province) -> None:
    one, two, three = province.sites
    await province.report(one, {three: 4_000, two: 6_000})
    await province.report(two, {one: 6_100})
    await province.report(three, {one: 43_000})
    fp64 = shapes.Throughput(precision=1, measured_mops=600_000, power_mw=200_000)
    vector = shapes.ComputeVector(
        subject="cpu",
        server_set_revision=1,
        server=2,
        placement_id="p1",
        devices=1,
        throughputs=[fp64, shapes.Throughput(precision=6, not_measured="no such arithmetic")],
    )
    stub = province.stub(province.agent(one))
    for _ in range(2):
        await stub.ReportCompute(pb.ReportComputeRequest(site_id=one, vector=vector))
    elsewhere = shapes.ComputeVector()
    elsewhere.CopyFrom(vector)
    elsewhere.server = 1_000_000
    with pytest.raises(grpc.aio.AioRpcError, match=r"vector\.server") as refused:
        await stub.ReportCompute(pb.ReportComputeRequest(site_id=one, vector=elsewhere))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    found = await province.until_measured(one, lambda m: m.compute and len(m.links) == 2)

    states = {x.peer_site_id: (x.state, x.rtt_p50_us) for x in found.links}
    assert states[two] == (shapes.LINK_STATE_AGREED, 6_100)
    assert states[three] == (shapes.LINK_STATE_DISPUTED, 43_000)
    assert found.compute[0].throughputs[0].mops_per_w == 3_000
    assert [(t.precision, t.measured_mops) for t in found.totals] == [(1, 600_000)]
    answer = await stub.ListGrades(pb.ListGradesRequest(site_id=one))
    graded = {g.rule_id: (g.grade, g.value, g.limit) for g in answer.grades}
    assert graded["latency-east"] == ("B", 21_500, 25_000)
    assert graded["latency-own-region"] == ("A", 3_050, 10_000)
    assert graded["efficiency-fp64"] == ("B", 3_000, 2_000)
    assert graded["security-grade"] == ("B", 3, 3)
    assert graded["efficiency-pue"][0] == ""
    assert all(g.effective_from and g.source and g.evidence for g in answer.grades)

    await refuses_what_is_wrong(province, one, two)
    await survives_anything(province, one)


async def refuses_what_is_wrong(province: Province, one: str, two: str) -> None:
    peer = pb.PeerWindow(peer_site_id=two, rtt_min_us=5, rtt_p50_us=4, rtt_p99_us=9, samples=1)
    wrong = [
        (one, {"address": "nowhere"}, "address"),
        (one, {"public_key": b"short"}, "public_key"),
        (one, {"windows": [peer]}, "rtt_p50_us"),
        (one, {"windows": [pb.PeerWindow(peer_site_id=one, lost=1)]}, "another site"),
    ]
    for site, changed, named in wrong:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await province.report(site, **changed)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert named in (caught.value.details() or "")
    with pytest.raises(grpc.aio.AioRpcError) as strange:
        await province.report(one, site_id=two)
    assert strange.value.code() == grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(grpc.aio.AioRpcError) as hasty:
        for _ in range(2):
            await province.report(one)
    assert hasty.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


async def survives_anything(province: Province, one: str) -> None:
    world = province.world
    hints = {"site_id": [one], "agent_id": ["1"], "public_key": [KEY], "page_token": ["", one]}
    async with open_channel(world.address, world.pki.identity(province.agent(one))) as channel:
        statuses = await assault(channel, SERVICE, Attack(count=200, hints=hints))
    found = {status for answers in statuses.values() for status in answers}
    assert not found & {"UNKNOWN", "INTERNAL"}
