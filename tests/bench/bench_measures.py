"""measures: six sites with ways of known length; what the mesh says, ROUTE believes, a run does."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import yaml
from hexi.scheduler.v1 import scheduler_service_pb2 as scheduler
from hexi.scheduler.v1 import workload_pb2
from hexi.telemetry.v1 import measure_pb2
from hexi.telemetry.v1 import measure_service_pb2 as pb
from hexi.telemetry.v1.measure_service_pb2_grpc import MeasureServiceStub
from hexi_agent.mesh.endpoint import Endpoint, Peer
from hexi_agent.mesh.probe import MeshKey
from hexi_demo import province as demo
from hexi_demo import setup
from hexi_kit.clock import SystemClock
from hexi_kit.rpc.channel import open_channel
from hexi_local.network import free_ports

from tests.bench.far_sites import FarSite, put_far
from tests.bench.figures import percentile, show
from tests.bench.province import TENANT, Province, running

SERVICES = ("inventory", "telemetry", "scheduler", "scheduler-worker")
FACTOR = 20
HELD_S = 0.008
LIAR = "jiuquan"  # its way is longer than it says: both ends differ
LIAR_HELD_S = 0.016
SERVERS = 600
ROUND_TRIPS = 5_000
WAIT_S = 90


class Pipe:
    """Hands datagrams to the other endpoint at once: what is left is the cost of a probe."""

    def __init__(self) -> None:
        self.other: Endpoint | None = None

    def is_closing(self) -> bool:
        return False

    def sendto(self, data: bytes, address: object) -> None:
        if self.other is not None:
            self.other.datagram_received(data, ("127.0.0.1", 1))


class Hurried(SystemClock):
    """Every look is a moment later, so that nobody seems to ask too much."""

    def __init__(self) -> None:
        self._looks = 0

    def real_monotonic_s(self) -> float:
        self._looks += 1
        return self._looks / 50


def probe_cost_us() -> float:
    """CPU of one round trip, asking and answering together, without the kernel's part."""
    keys, pipes = (MeshKey(), MeshKey()), (Pipe(), Pipe())
    clock = Hurried()
    ends = [Endpoint(key, clock) for key in keys]
    for index, (end, pipe) in enumerate(zip(ends, pipes, strict=True)):
        peer = Peer("peer", keys[1 - index].public, keys[index])
        peer.address = ("127.0.0.1", 1)
        end.know({peer.tag: peer})
        end.connection_made(pipe)
        pipe.other = ends[1 - index]
    (asked,) = ends[0].peers.values()
    begun_s = time.process_time()
    for _ in range(ROUND_TRIPS):
        ends[0].ask(asked)
    took_s = time.process_time() - begun_s
    assert asked.window.close(clock.real_monotonic_s()).samples == ROUND_TRIPS
    return took_s / ROUND_TRIPS * 1e6


async def start_agents(province: Province) -> list[FarSite]:
    """All sites in one process, each behind a relay; one site offers this machine."""
    home, configs, relays = province.cast.pki_dir.parent, [], []
    for facts, port in zip(demo.SITES, free_ports(len(demo.SITES)), strict=True):
        held_s = LIAR_HELD_S if facts.site_id == LIAR else HELD_S
        address, relay = await put_far(("127.0.0.1", port), held_s, province.stack)
        relays += [] if facts.site_id == LIAR else [relay]
        folder = home / "agents" / facts.site_id
        folder.mkdir(parents=True)
        config = {
            "site_id": facts.site_id,
            "identity": f"agent-{facts.site_id}",
            "state_dir": str(folder),
            "period_ms": 60_000,
            "host": facts.holds_this_machine,
            "fleet": {"servers": demo.servers_of(facts, SERVERS), "seed": 1},
            "executors": ["fleet", "host"] if facts.holds_this_machine else ["fleet"],
            "measure": {"seconds": 2.0},
            "mesh": {
                "listen": f"127.0.0.1:{port}",
                "address": address,
                "probe_ms": 50,
            },
        }
        path = folder / "agent.yaml"
        path.write_text(yaml.safe_dump(config))
        configs += ["--config", str(path)]
    await province.hexi.start_further("agents", "hexi_agent.main", configs, {})
    return relays


async def measure() -> None:
    show("mesh-probe-cpu", probe_cost_us(), "us per round trip, both ends")
    now_ms = SystemClock().now_ms()
    async with running(SERVICES, clock=f"scaled:{now_ms}:{now_ms}:{FACTOR}") as province:
        await setup.admit_sites(province.doors, SERVERS, demo.SITES)
        relays = await start_agents(province)
        address = province.hexi.addresses["telemetry"]
        channel = open_channel(address, province.cast.of("operator"))
        province.stack.push_async_callback(channel.close)
        door = MeasureServiceStub(channel)
        show_mesh(await until_all_linked(door), relays)
        await show_route(province)
        await show_compute(province, door)


async def until_all_linked(door: MeasureServiceStub) -> list[measure_pb2.SiteMeasured]:
    peers = len(demo.SITES) - 1
    async with asyncio.timeout(WAIT_S):
        while True:
            sites = (await door.ListMeasures(pb.ListMeasuresRequest())).sites
            done = [s for s in sites if sum(link.state != 2 for link in s.links) == peers]
            if len(done) == len(demo.SITES):
                return list(sites)
            await SystemClock().sleep(0.2)


def show_mesh(sites: list[measure_pb2.SiteMeasured], relays: list[FarSite]) -> None:
    """Timers of a busy machine are late: the truth is what the relays really held."""
    held_s = [held for relay in relays for held in relay.really_held_s]
    truth_us = 2 * percentile(held_s, 50) * 1e6
    links = [(site.site_id, link) for site in sites for link in site.links]
    honest = [link for site, link in links if LIAR not in (site, link.peer_site_id)]
    errors = [link.rtt_p50_us - truth_us for link in honest]
    show(
        "mesh-error-p50", percentile(errors, 50), "us", truth_us=round(truth_us), links=len(errors)
    )
    show("mesh-error-max", max(errors), "us")
    never_less = sum(link.rtt_min_us >= 2 * HELD_S * 1e6 for link in honest) / len(honest)
    show("mesh-never-less", never_less, "share of links")
    lied = [link for site, link in links if LIAR in (site, link.peer_site_id)]
    disputed = sum(link.state == measure_pb2.LINK_STATE_DISPUTED for link in lied)
    show("mesh-lies-flagged", disputed / len(lied), "share of links", links=len(lied))


async def show_route(province: Province) -> None:
    stub = await province.doors.scheduler(f"tenant-{TENANT}")
    begun_s = time.monotonic()
    async with asyncio.timeout(WAIT_S):
        while True:
            states = (await stub.ListSiteStates(scheduler.ListSiteStatesRequest())).sites
            told = [s for s in states if "gansu" in s.latency_measured]
            if len(told) == len(demo.SITES):
                break
            await SystemClock().sleep(0.1)
    ways = sorted(s.latency_us["gansu"] for s in told)
    show("route-goes-by", ways[len(ways) // 2], "us one way", registered=3_000, sites=len(told))
    show("route-hears-after", time.monotonic() - begun_s, "s")


async def show_compute(province: Province, door: MeasureServiceStub) -> None:
    """The benchmark, submitted as a tenant would."""
    host = next(f.site_id for f in demo.SITES if f.holds_this_machine)
    spec = workload_pb2.WorkloadSpec(
        name="measure",
        template=workload_pb2.TEMPLATE_MEASURE_COMPUTE,
        constraints=workload_pb2.Constraints(site_ids=[host]),
        replicas=1,
        duration_s_max=600 * FACTOR,
    )
    spec.resources.cpu_milli, spec.resources.memory_mib = 500, 1_024
    stub = await province.doors.scheduler(f"tenant-{TENANT}")
    await stub.SubmitWorkloads(
        scheduler.SubmitWorkloadsRequest(
            idempotency_key="measure", tenant_id=TENANT, workloads=[spec]
        )
    )
    async with asyncio.timeout(WAIT_S):
        while True:
            answer = await door.ListMeasures(pb.ListMeasuresRequest(site_id=host))
            if answer.sites and answer.sites[0].compute:
                break
            await SystemClock().sleep(0.2)
    vector = answer.sites[0].compute[0]
    for one in vector.throughputs:
        name = measure_pb2.Precision.Name(one.precision).removeprefix("PRECISION_").lower()
        if one.measured_mops:
            show(f"compute-{name}", one.measured_mops / 1_000, "GOPS", mops_per_w=one.mops_per_w)
        else:
            show(f"compute-{name}", 0, "not measured", why=one.not_measured)
    show("compute-memory", vector.memory_bytes_per_s / 1e9, "GB/s")


def main() -> None:
    asyncio.run(measure())


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
