"""Fixtures: the executors that really run programs, each in a world of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hexi_kit.clock import SystemClock
from hexi_kit.ids import seeded
from hexi_kit.testing.clock import ManualClock

from hexi_agent.backoff import Backoff
from hexi_agent.executors import Executor
from hexi_agent.executors.cluster import Cluster, ClusterExecutor, Submitted, Waits
from hexi_agent.executors.host import HostExecutor
from hexi_agent.executors.kubernetes.cluster import KubernetesCluster
from hexi_agent.executors.kubernetes.manifest import KubernetesConfig
from hexi_agent.executors.slurm.cluster import SlurmCluster
from hexi_agent.executors.slurm.options import SlurmConfig
from hexi_agent.testing.living import LOOK_S, Tell, World
from hexi_agent.testing.small_kubernetes import SmallKubernetes
from hexi_agent.testing.small_slurm import SmallSlurm, find_slurm


def _backoff() -> Backoff:
    return Backoff(SystemClock(), seeded(1), 0.05, 1.0)


def _cluster_executor(
    cluster: Cluster, folder: Path, clock: ManualClock, tell: Tell
) -> ClusterExecutor:
    waits = Waits(clock, SystemClock(), _backoff(), pending_s_max=600, look_s=LOOK_S)
    return ClusterExecutor(cluster, Submitted(folder), waits, tell)


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
def world(request: pytest.FixtureRequest) -> World:
    made: World = request.getfixturevalue(f"{request.param}_world")
    return made


@pytest.fixture
def host_world(tmp_path: Path) -> World:
    return World(
        lambda clock, tell, stack: HostExecutor(tmp_path / "runs", clock, SystemClock(), tell)
    )


@pytest.fixture
def slurm_world(slurm: SmallSlurm, tmp_path: Path) -> World:
    config = slurm_config(slurm, tmp_path / "shared")

    def make(clock: ManualClock, tell: Tell, stack: AsyncExitStack) -> Executor:
        cluster = SlurmCluster(config, lambda _: "T4")
        return _cluster_executor(cluster, tmp_path / "submitted", clock, tell)

    return World(make)


def slurm_config(small: SmallSlurm, work_dir: Path, **changes: object) -> SlurmConfig:
    told: dict[str, object] = {
        "bin_dir": str(small.bin_dir),
        "work_dir": str(work_dir),
        "environment": small.environment,
        "accelerators": {"T4": {"name": "gpu:t4"}},
    }
    return SlurmConfig.model_validate(told | changes)


@pytest.fixture
def kubernetes_world(kubernetes: SmallKubernetes, tmp_path: Path) -> World:
    path = tmp_path / "kubeconfig"
    path.write_text(kubernetes.kubeconfig)
    config = KubernetesConfig.model_validate(
        {
            "kubeconfig": str(path),
            "image": "debian:12",
            "accelerators": {"T4": {"name": "nvidia.com/gpu"}},
            "mounts": {"data": {"claim": "data"}},
        }
    )

    def make(clock: ManualClock, tell: Tell, stack: AsyncExitStack) -> Executor:
        cluster = KubernetesCluster(config, "lanzhou", lambda _: "T4", _backoff())
        following = asyncio.ensure_future(cluster.run())
        stack.push_async_callback(cluster.close)
        stack.callback(following.cancel)
        return _cluster_executor(cluster, tmp_path / "submitted", clock, tell)

    return World(make)
