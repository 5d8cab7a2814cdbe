"""Puts together what runs work at a site; imported only where work is run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from hexi.inventory.v1 import inventory_pb2

from hexi_agent.around import SiteParts
from hexi_agent.config import AgentConfig
from hexi_agent.domain.load import Load, Share
from hexi_agent.domain.simulated_runs import SimulatedRuns
from hexi_agent.executors import Executor, NamedProgram
from hexi_agent.executors.cluster import LOOK_S, Cluster, ClusterExecutor, Submitted, Waits
from hexi_agent.executors.fleet import FleetExecutor
from hexi_agent.executors.host import HostExecutor
from hexi_agent.executors.kubernetes.manifest import KubernetesConfig
from hexi_agent.executors.slurm.cluster import SlurmCluster
from hexi_agent.fleet import FLEET, HOST, KUBERNETES, SLURM
from hexi_agent.measure.job import PROGRAM, Benchmark, BenchmarkNeeds
from hexi_agent.measure.power import PowerMemory
from hexi_agent.orders import OrderWatch
from hexi_agent.reports import Reports

REPORTS_DRAIN_S = 2.0


@dataclass(frozen=True, slots=True)
class WorkNeeds:
    """What work shares with what is measured; `watts_of` is None where nothing is simulated."""

    server_set: inventory_pb2.ServerSet
    load: Load
    watts_of: Callable[[Iterable[Share]], float] | None
    power: PowerMemory
    revision: Callable[[], int]


class SiteWork:
    """One per site."""

    def __init__(self, parts: SiteParts, config: AgentConfig, needs: WorkNeeds) -> None:
        self._parts, self._config, self._needs = parts, config, needs

    def add(self, scheduler: Any, measures: Any) -> None:
        """The stubs of both services; in the order of their start."""
        self._add_executors(scheduler, self._add_benchmark(measures))

    def _add_benchmark(self, stub: Any) -> dict[str, NamedProgram]:
        config, told, backoff = self._config, self._needs, self._parts.backoff(30.0)
        reported = (told.revision, stub.ReportCompute, told.power, backoff)
        needs = BenchmarkNeeds(config.site_id, told.server_set, *reported)
        benchmark = Benchmark(needs, config.measure)
        self._parts.run("benchmark results", benchmark.run)
        return {PROGRAM: benchmark}

    def _add_executors(self, stub: Any, programs: dict[str, NamedProgram]) -> None:
        config, parts, needs = self._config, self._parts, self._needs
        clock, real = parts.clock, parts.real_clock
        reports = Reports(config.site_id, stub.ReportRuns, real, self._parts.backoff(2.0))
        self._parts.run("reports", reports.run)
        parts.ends("reports on their way", reports.drained, REPORTS_DRAIN_S)
        executors: dict[str, Executor] = {}
        if FLEET in config.executors:
            runs = SimulatedRuns(needs.load, needs.watts_of or (lambda _: 0.0))
            executors[FLEET] = FleetExecutor(runs, clock, real, reports.add)
        if HOST in config.executors:
            folder = config.state_dir / "runs"
            executors[HOST] = HostExecutor(folder, clock, real, reports.add, programs)
        if SLURM in config.executors and config.slurm is not None:
            slurm = SlurmCluster(config.slurm, partial(accelerator_of, self._needs.server_set))
            waits = self._waits(config.slurm.pending_s_max, config.slurm.look_s)
            executors[SLURM] = self._cluster_executor(SLURM, slurm, waits, reports)
        if KUBERNETES in config.executors and config.kubernetes is not None:
            cluster = self._add_kubernetes(config.kubernetes)
            waits = self._waits(config.kubernetes.pending_s_max)
            executors[KUBERNETES] = self._cluster_executor(KUBERNETES, cluster, waits, reports)
        watch = OrderWatch(config.site_id, executors, stub.WatchOrders, self._parts.backoff(2.0))
        for name, executor in executors.items():
            self._parts.run(f"executor {name}", executor.run)
        self._parts.run("orders", watch.run)

    def _add_kubernetes(self, settings: KubernetesConfig) -> Cluster:
        # Its client takes half a second to import: only where it is used.
        from hexi_agent.executors.kubernetes.cluster import KubernetesCluster

        models = partial(accelerator_of, self._needs.server_set)
        cluster = KubernetesCluster(
            settings, self._config.site_id, models, self._parts.backoff(30.0)
        )
        self._parts.ends("kubernetes", cluster.close)
        self._parts.run("kubernetes", cluster.run)
        return cluster

    def _cluster_executor(
        self, name: str, cluster: Cluster, waits: Waits, reports: Reports
    ) -> ClusterExecutor:
        submitted = Submitted(self._config.state_dir / name)
        return ClusterExecutor(cluster, submitted, waits, reports.add)

    def _waits(self, pending_s_max: int, look_s: float = LOOK_S) -> Waits:
        parts = self._parts
        return Waits(parts.clock, parts.real_clock, parts.backoff(30.0), pending_s_max, look_s)


def accelerator_of(server_set: inventory_pb2.ServerSet, server: int) -> str:
    """Model of the accelerators in a server; "" for none, or a server that is not here."""
    index = server_set.accelerator_index
    which = index[server] if server < len(index) else 0
    return server_set.accelerator_models[which - 1] if which else ""
