"""Goal: what Slurm alone can do to a run is survived and told. Method: a real slurmctld, slurmd and
munged on this machine, skipped where they are not installed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from hexi.scheduler.v1 import place_pb2, scheduler_service_pb2
from hexi_agent.executors.slurm.cluster import SlurmCluster
from hexi_agent.testing.living import World
from hexi_agent.testing.small_slurm import SmallSlurm
from hexi_agent.testing.worlds import slurm_config
from hexi_kit.errors import InvalidArgument, Unavailable
from hexi_kit.ids import derive

STARTED, ENDED = place_pb2.RUN_STATE_STARTED, place_pb2.RUN_STATE_ENDED
FAILED = place_pb2.RUN_STATE_FAILED_TO_START
Order = scheduler_service_pb2.Order

# An agent's life that ends by kill -9 between sbatch and remembering it.
DIES = """
import asyncio, json, sys
from pathlib import Path
from hexi.scheduler.v1 import scheduler_service_pb2
from hexi_agent.backoff import Backoff
from hexi_agent.executors.cluster import ClusterExecutor, Submitted, Waits
from hexi_agent.executors.slurm.cluster import SlurmCluster
from hexi_agent.executors.slurm.options import SlurmConfig
from hexi_kit.clock import SystemClock
from hexi_kit.ids import seeded

clock = SystemClock()
waits = Waits(clock, clock, Backoff(clock, seeded(1), 0.1, 1.0), 600)
cluster = SlurmCluster(SlurmConfig(**json.loads(sys.argv[1])), lambda _: "")
executor = ClusterExecutor(cluster, Submitted(Path(sys.argv[2])), waits, print)
executor.start(scheduler_service_pb2.Order.FromString(bytes.fromhex(sys.argv[3])))
asyncio.run(executor.run())
"""


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return derive(request.node.nodeid)


def shell(program: str, name: str, *, cpus: int = 1, replicas: int = 1) -> Order:
    order = Order(placement_id=name, run=True)
    spec = order.workload.spec
    spec.replicas, spec.duration_s_max = replicas, 6_000
    spec.resources.cpu_milli, spec.resources.memory_mib = 1_000 * cpus, 64
    spec.command.argv.extend(["/bin/sh", "-c", program])
    for _ in range(replicas):
        order.allocations.add(server=0)
    return order


async def test_kill_between_sbatch_and_remembering_it_submits_nothing_twice(
    slurm: SmallSlurm, slurm_world: World, tmp_path: Path, name: str
) -> None:
    count = tmp_path / "count"
    order = shell(f"echo x >> {count}; sleep 1", name)
    config = slurm_config(slurm, tmp_path / "shared")
    arguments = [config.model_dump_json(), str(tmp_path / "submitted")]
    died = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", DIES, *arguments, order.SerializeToString().hex()),
        env=os.environ | {"HEXI_FAULTS": "agent.after_submit:1"},
    )
    assert await died.wait() == -9

    async with slurm_world.living() as life:
        life.start(order)
        ended = (await life.until_ended())[-1]

    assert (ended.state, ended.exit_code) == (ENDED, 0)
    assert slurm.call("squeue", "--noheader", "--states=all", f"--name={name}").count("\n") == 1
    assert count.read_text() == "x\n"


async def test_of_two_jobs_of_one_name_one_runs(
    slurm: SmallSlurm, slurm_world: World, tmp_path: Path, name: str
) -> None:
    count = tmp_path / "count"
    order = shell(f"echo x >> {count}; sleep 1; exit 5", name)
    cluster = SlurmCluster(slurm_config(slurm, tmp_path / "shared"), lambda _: "")
    await cluster.submit(order)
    await cluster.submit(order)

    async with slurm_world.living() as life:
        life.start(order)
        ended = (await life.until_ended())[-1]
        life.executor.stop(name)

    assert ended.exit_code == 5
    assert count.read_text() == "x\n"


async def test_replicas_are_tasks_of_one_job(slurm_world: World, name: str) -> None:
    order = shell("echo rank $SLURM_PROCID of $SLURM_NTASKS", name, replicas=3)
    async with slurm_world.living() as life:
        life.start(order)
        ended = (await life.until_ended())[-1]

    lines = sorted(ended.output.decode().split("\n"))
    assert lines == ["", "rank 0 of 3", "rank 1 of 3", "rank 2 of 3"]


async def test_the_first_replica_that_fails_ends_all(slurm_world: World, name: str) -> None:
    order = shell('test "$SLURM_PROCID" = 1 && exit 7; sleep 500', name, replicas=2)
    async with slurm_world.living() as life:
        life.start(order)
        ended = (await life.until_ended())[-1]

    # Slurm tells the highest code of all tasks, and those it kills count.
    assert ended.state == ENDED
    assert ended.exit_code in (7, 128 + 15)


async def test_accelerators_that_slurm_does_not_have_are_refused(
    slurm_world: World, name: str
) -> None:
    order = shell("true", name)
    order.workload.spec.resources.accelerators = 2
    async with slurm_world.living() as life:
        life.start(order)
        refused = await life.next()

    assert refused.state == FAILED
    assert "sbatch" in refused.reason


async def test_a_run_that_somebody_cancels_has_ended(
    slurm: SmallSlurm, slurm_world: World, name: str
) -> None:
    async with slurm_world.living() as life:
        life.start(shell("sleep 500", name))
        assert (await life.next()).state == STARTED
        slurm.call("scancel", f"--name={name}")
        ended = await life.next()

    assert (ended.state, ended.reason) == (ENDED, "cancelled")
    assert ended.exit_code > 128


async def test_a_signal_is_told_as_a_shell_tells_it(slurm_world: World, name: str) -> None:
    async with slurm_world.living() as life:
        life.start(shell("kill -KILL $$", name))
        ended = (await life.until_ended())[-1]

    assert ended.exit_code == 128 + 9


async def test_what_does_not_start_in_time_is_given_back(
    slurm: SmallSlurm, slurm_world: World, name: str
) -> None:
    first, second = derive(name, 1), derive(name, 2)
    async with slurm_world.living() as life:
        life.start(shell("sleep 500", first, cpus=8))
        assert (await life.next()).state == STARTED
        life.start(shell("echo never", second, cpus=8))
        clock = life.clock
        cluster = SlurmCluster(slurm_config(slurm, slurm.folder), lambda _: "")
        while second not in slurm.call("squeue", "--noheader", "--format=%j"):
            await cluster.look()
        clock.advance(600_000)
        failed = await life.next()
        life.executor.stop(first)
        await life.next()

    assert (failed.placement_id, failed.state) == (second, FAILED)
    assert failed.reason.startswith("not started in time: ")


async def test_a_run_nobody_sees_any_more_is_lost_once(slurm_world: World, name: str) -> None:
    order = shell("sleep 500", name)
    order.started, order.started_at_ms = True, slurm_world.clock.now_ms()
    async with slurm_world.living() as life:
        life.start(order)
        lost = await life.next()
        life.start(order, shell("true", derive(name)))
        others = await life.until_ended()

    assert (lost.state, lost.reason, lost.exit_code) == (ENDED, "lost", -1)
    assert {one.placement_id for one in others} == {derive(name)}


async def test_what_is_no_longer_wanted_leaves_nothing_behind(
    slurm: SmallSlurm, slurm_world: World, tmp_path: Path, name: str
) -> None:
    async with slurm_world.living() as life:
        life.start(shell("echo done", name))
        await life.until_ended()
    assert (tmp_path / "shared" / name).exists()

    async with slurm_world.living() as life:
        life.executor.keep_only(set())
        life.start(shell("true", derive(name)))
        await life.until_ended()

    assert not (tmp_path / "shared" / name).exists()
    assert not (tmp_path / "submitted" / name).exists()


async def test_what_slurm_will_never_run_is_refused_and_leaves_nothing(
    slurm: SmallSlurm, tmp_path: Path, name: str
) -> None:
    config = slurm_config(slurm, tmp_path / "shared", partition="nowhere")

    with pytest.raises(InvalidArgument, match="partition"):
        await SlurmCluster(config, lambda _: "").submit(shell("true", name))
    assert not (tmp_path / "shared" / name).exists()


async def test_a_cluster_that_is_away_says_nothing_of_jobs(
    slurm: SmallSlurm, tmp_path: Path
) -> None:
    conf = tmp_path / "slurm.conf"
    text = (slurm.folder / "slurm.conf").read_text()
    conf.write_text(text.replace("AuthInfo=", "AuthInfo=socket=/nowhere #"))
    environment = slurm.environment | {"SLURM_CONF": str(conf)}
    config = slurm_config(slurm, tmp_path / "shared", environment=environment, timeout_s=5)

    with pytest.raises(Unavailable):
        await SlurmCluster(config, lambda _: "").look()
    with pytest.raises(Unavailable):
        await SlurmCluster(config, lambda _: "").submit(shell("true", derive(json.dumps("x"))))
