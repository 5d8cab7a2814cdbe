"""Goal: wherever an agent is killed, no frame is lost or sent twice and no process runs twice.

Method: the real inventory, telemetry and scheduler; an agent that dies at named points in every
life it gets; then the log, the spool and the files its processes wrote are counted.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import yaml
from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import scheduler_service_pb2 as scheduler
from hexi.scheduler.v1 import workload_pb2
from hexi.telemetry.v1 import telemetry_pb2
from hexi_agent.spool import highest_sequences, pending
from hexi_agent.testing.beats import missed_beats, recorded_silence
from hexi_contracts.topics import TELEMETRY_FRAME, TELEMETRY_GAP
from hexi_demo import identities, province, setup
from hexi_demo.doors import Doors
from hexi_kit.clock import SystemClock
from hexi_kit.testing.whole_log import whole_log
from hexi_local import LocalHexi, LocalOptions

pytestmark = [pytest.mark.integration, pytest.mark.timeout(280)]

SERVICES = ("inventory", "telemetry", "scheduler", "scheduler-worker")
FACTOR = 60
PERIOD_MS = 10_000
SITE = province.SITES[0]
NAME = f"agent-{SITE.site_id}"
# Each life dies at the first of these it comes to.
RUN_FAULTS = "agent.before_run:5,agent.after_run:2,agent.before_end:2"
FRAME_FAULTS = "agent.before_append:29,agent.after_append:23,agent.before_ack:31,agent.after_ack:17"
DEATHS = 3
RUNS = 6
POLL_S = 0.1


class World:
    """One site's agent beside real services."""

    def __init__(self, hexi: LocalHexi, doors: Doors, cast: identities.Cast, folder: Path) -> None:
        self.hexi, self.doors, self.cast = hexi, doors, cast
        self.home = folder / "agents" / SITE.site_id
        self.config = self.home / "agent.yaml"

    async def open(self) -> None:
        self.home.mkdir(parents=True)
        config = {
            "site_id": SITE.site_id,
            "identity": NAME,
            "state_dir": str(self.home),
            "period_ms": PERIOD_MS,
            "host": True,
            "fleet": {"servers": 59, "seed": 1},
            "executors": ["fleet", "host"],
        }
        self.config.write_text(yaml.safe_dump(config))
        await setup.admit_sites(self.doors, 240, province.SITES)

    async def start(self, name: str, faults: str = "") -> None:
        arguments = ["--config", str(self.config)]
        environment = {"HEXI_FAULTS": faults}
        await self.hexi.start_further(name, "hexi_agent.main", arguments, environment)

    async def after_deaths(self, name: str) -> None:
        """Let it die often enough, then hold it down."""
        clock = SystemClock()
        while self.hexi.restarts[name] < DEATHS:
            await clock.sleep(POLL_S)
        await self.hexi.stop_one(name)

    async def log_of(self, topic) -> list:
        return await whole_log(self.hexi.kafka, self.cast.of("supervisor"), topic)

    async def submit(self, specs: list[workload_pb2.WorkloadSpec]) -> list[str]:
        stub = await self.doors.scheduler("tenant-university")
        request = scheduler.SubmitWorkloadsRequest(
            idempotency_key="chaos", tenant_id="university", workloads=specs
        )
        return list((await stub.SubmitWorkloads(request)).workload_ids)

    async def placement(self, workload_id: str):
        stub = await self.doors.scheduler("tenant-university")
        request = scheduler.GetWorkloadRequest(workload_id=workload_id)
        return (await stub.GetWorkload(request)).view.placement


@pytest.fixture
async def world(tmp_path: Path):
    now_ms = SystemClock().now_ms()
    options = LocalOptions(
        state_dir=tmp_path, services=SERVICES, clock=f"scaled:{now_ms}:{now_ms}:{FACTOR}"
    )
    async with AsyncExitStack() as stack:
        hexi = await stack.enter_async_context(LocalHexi(options))
        cast = identities.issue(tmp_path / "pki")
        made = World(hexi, Doors(hexi.addresses, cast, stack), cast, tmp_path)
        await made.open()
        yield made


def real(folder: Path, number: int) -> workload_pb2.WorkloadSpec:
    """A process that leaves a line for each time it runs, and takes a while."""
    program = f"import time; open({str(folder / str(number))!r}, 'a').write('x'); time.sleep(0.5)"
    return workload_pb2.WorkloadSpec(
        name=f"real-{number}",
        template=workload_pb2.TEMPLATE_INFERENCE,
        replicas=1,
        priority=100,
        duration_s_max=3_600,
        resources=common_pb2.Resources(cpu_milli=50, memory_mib=64),
        constraints=workload_pb2.Constraints(executor="host"),
        command=workload_pb2.Command(argv=["/usr/bin/env", "python3", "-c", program]),
    )


async def test_an_agent_that_dies_everywhere(world: World, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    await world.start(NAME, RUN_FAULTS)
    names = await world.submit([real(marks, number) for number in range(RUNS)])

    await world.after_deaths(NAME)
    await world.start(f"{NAME}-again", FRAME_FAULTS)
    await world.after_deaths(f"{NAME}-again")
    await world.start(f"{NAME}-last")
    placements = [await world.placement(name) for name in names]
    while any(not placement.ended_at_ms for placement in placements):
        await SystemClock().sleep(POLL_S)
        placements = [await world.placement(name) for name in names]
    while pending(world.home):
        # All runs may have ended before this life began: it must have come to send.
        await SystemClock().sleep(POLL_S)
    await world.hexi.stop_one(f"{NAME}-last")

    assert_each_ran_once(placements, {path.name: path.read_text() for path in marks.iterdir()})
    await assert_each_frame_is_there_once(world)


def assert_each_ran_once(placements: list, marks: dict[str, str]) -> None:
    assert set(marks.values()) == {"x"}
    assert {placement.reason for placement in placements} <= {"", "lost"}
    ended_well = {str(n) for n, placement in enumerate(placements) if not placement.reason}
    assert ended_well <= marks.keys()
    assert {placement.exit_code for placement in placements if not placement.reason} == {0}


async def assert_each_frame_is_there_once(world: World) -> None:
    assert pending(world.home) == 0
    streams = highest_sequences(world.home)
    assert len(streams) == 1
    (highest,) = streams.values()
    frames = [
        telemetry_pb2.Frame.FromString(one.frame) for one in await world.log_of(TELEMETRY_FRAME)
    ]
    assert [frame.sequence for frame in frames] == list(range(1, highest + 1))
    silence = recorded_silence(await world.log_of(TELEMETRY_GAP))
    assert silence == missed_beats(frames) != set()
    meters = [(f.it_energy_ws, f.facility_energy_ws) for f in frames if f.facility_energy_ws]
    assert meters == sorted(meters)
