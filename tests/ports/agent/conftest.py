"""The executors that really run programs, each in a world of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hexi.scheduler.v1 import place_pb2
from hexi_agent.backoff import Backoff
from hexi_agent.executors import Executor, Order
from hexi_agent.executors.cluster import Cluster, ClusterExecutor, Submitted, Waits
from hexi_agent.executors.host import HostExecutor
from hexi_agent.executors.kubernetes.cluster import KubernetesCluster
from hexi_agent.executors.kubernetes.manifest import KubernetesConfig
from hexi_agent.executors.slurm.cluster import SlurmCluster
from hexi_agent.executors.slurm.options import SlurmConfig
from hexi_agent.testing.small_kubernetes import SmallKubernetes
from hexi_agent.testing.small_slurm import SmallSlurm, find_slurm
from hexi_kit.clock import SystemClock
from hexi_kit.ids import seeded
from hexi_kit.testing.clock import ManualClock

Report = place_pb2.RunReport
STARTED = place_pb2.RUN_STATE_STARTED
ANSWER_S = 60


@dataclass
class Life:
    """One life of an executor; its reports come out of a queue."""

    executor: Executor
    clock: ManualClock
    reports: asyncio.Queue[Report] = field(default_factory=asyncio.Queue)

    def start(self, *orders: Order) -> None:
        for order in orders:
            self.executor.start(order)

    async def next(self) -> Report:
        return await asyncio.wait_for(self.reports.get(), ANSWER_S)

    async def until_ended(self) -> list[Report]:
        found = [await self.next()]
        while found[-1].state == STARTED:
            found.append(await self.next())
        return found


Make = Callable[[Life], Executor]


class World:
    """Where runs outlive the executor: `living` gives one life of it after the other."""

    def __init__(self, name: str, make: Callable[[Life, AsyncExitStack], Executor]) -> None:
        self.name, self._make = name, make
        self.clock = ManualClock()

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Life]:
        async with AsyncExitStack() as stack:
            life = Life(None, self.clock)  # type: ignore[arg-type]  # the next line fills it
            life.executor = self._make(life, stack)
            task = asyncio.create_task(life.executor.run())
            try:
                yield life
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


def backoff() -> Backoff:
    return Backoff(SystemClock(), seeded(1), 0.05, 1.0)


def cluster_executor(cluster: Cluster, folder: Path, life: Life) -> ClusterExecutor:
    waits = Waits(life.clock, SystemClock(), backoff(), pending_s_max=600)
    return ClusterExecutor(cluster, Submitted(folder), waits, life.reports.put_nowait)


@pytest.fixture(scope="session")
def slurm() -> Iterator[SmallSlurm]:
    bin_dir, missing = find_slurm()
    if missing:
        pytest.skip(missing)
    small = SmallSlurm(bin_dir)
    try:
        small.start()
        yield small
    finally:
        small.stop()


@pytest.fixture
async def kubernetes() -> AsyncIterator[SmallKubernetes]:
    small = SmallKubernetes()
    await small.start()
    yield small
    await small.stop()
    assert small.unknown == []


@pytest.fixture(params=["host", "slurm", "kubernetes"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    make = {"host": host_world, "slurm": slurm_world, "kubernetes": kubernetes_world}
    made: World = make[request.param](request, tmp_path)
    return made


def host_world(request: pytest.FixtureRequest, folder: Path) -> World:
    def make(life: Life, stack: AsyncExitStack) -> Executor:
        return HostExecutor(folder / "runs", life.clock, SystemClock(), life.reports.put_nowait)

    return World("host", make)


def slurm_world(request: pytest.FixtureRequest, folder: Path) -> World:
    small: SmallSlurm = request.getfixturevalue("slurm")
    config = SlurmConfig.model_validate(
        {
            "bin_dir": str(small.bin_dir),
            "work_dir": str(folder / "shared"),
            "environment": small.environment,
            "accelerators": {"T4": {"name": "gpu:t4"}},
        }
    )

    def make(life: Life, stack: AsyncExitStack) -> Executor:
        return cluster_executor(SlurmCluster(config, lambda _: "T4"), folder / "submitted", life)

    return World("slurm", make)


def kubernetes_world(request: pytest.FixtureRequest, folder: Path) -> World:
    small: SmallKubernetes = request.getfixturevalue("kubernetes")
    path = folder / "kubeconfig"
    path.write_text(small.kubeconfig)
    config = KubernetesConfig.model_validate(
        {
            "kubeconfig": str(path),
            "image": "debian:12",
            "accelerators": {"T4": {"name": "nvidia.com/gpu"}},
        }
    )

    def make(life: Life, stack: AsyncExitStack) -> Executor:
        cluster = KubernetesCluster(config, "lanzhou", lambda _: "T4", backoff())
        following = asyncio.ensure_future(cluster.run())
        stack.push_async_callback(cluster.close)
        stack.callback(following.cancel)
        return cluster_executor(cluster, folder / "submitted", life)

    return World("kubernetes", make)
