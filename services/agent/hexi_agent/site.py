"""Puts one site's agent together out of its configuration."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, cast

from google.protobuf import json_format
from hexi.inventory.v1 import inventory_pb2
from hexi.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from hexi.scheduler.v1.scheduler_service_pb2_grpc import SchedulerServiceStub
from hexi.telemetry.v1.measure_service_pb2_grpc import MeasureServiceStub
from hexi.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceStub
from hexi_kit.clock import Clock, SystemClock
from hexi_kit.errors import InvalidArgument, Violation
from hexi_kit.identity import Identity
from hexi_kit.lifecycle import Lifecycle
from hexi_kit.rpc.channel import open_channel

from hexi_agent.backoff import Backoff
from hexi_agent.config import AgentConfig
from hexi_agent.domain.layout import Layout
from hexi_agent.domain.load import Load
from hexi_agent.domain.physics import SitePhysics
from hexi_agent.domain.simulated_runs import SimulatedRuns
from hexi_agent.executors import Executor, NamedProgram
from hexi_agent.executors.cluster import LOOK_S, Cluster, ClusterExecutor, Submitted, Waits
from hexi_agent.executors.fleet import FleetExecutor
from hexi_agent.executors.host import HostExecutor
from hexi_agent.executors.kubernetes.manifest import KubernetesConfig
from hexi_agent.executors.slurm.cluster import SlurmCluster
from hexi_agent.fleet import FLEET, HOST, KUBERNETES, SLURM, make_layout, server_set_of
from hexi_agent.frame import FrameSigner
from hexi_agent.gather import KeptSource, make_board, make_sources, only_wanted
from hexi_agent.hosts import read_hosts, server_set_of_hosts
from hexi_agent.keys import FrameKeys
from hexi_agent.measure.job import PROGRAM, Benchmark, BenchmarkNeeds
from hexi_agent.measure.power import PowerMemory, RememberedSource
from hexi_agent.mesh.mesh import Mesh, MeshNeeds
from hexi_agent.mesh.options import MeshConfig
from hexi_agent.orders import OrderWatch
from hexi_agent.register import Register
from hexi_agent.reports import Reports
from hexi_agent.sampler import Beat, Sampler
from hexi_agent.sender import Needs, Sender
from hexi_agent.settings import AgentSettings
from hexi_agent.sources import Source
from hexi_agent.sources.fleet import FleetSource
from hexi_agent.sources.host import HostSource
from hexi_agent.sources.replay import ReplaySource
from hexi_agent.spool import SpoolLimits
from hexi_agent.spool.line import Line

FRAMES_DRAIN_S, REPORTS_DRAIN_S = 4.0, 2.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the process hands in."""

    settings: AgentSettings
    identity: Identity
    clock: Clock
    dice: Random
    lifecycle: Lifecycle


class SiteAgent:
    """Adds its parts to the lifecycle; stopped in reverse, so what was measured is sent before
    the sender goes. A kill instead of that loses nothing either."""

    def __init__(self, around: Surroundings, config: AgentConfig) -> None:
        self._around, self._config = around, config
        self._real_clock = SystemClock()
        config.state_dir.mkdir(parents=True, exist_ok=True)
        self._keys = FrameKeys(config.state_dir, config.key_rules)
        self._layout = _layout(config)
        self._hosts = read_hosts(config.hosts) if config.hosts is not None else []
        self._server_set = self._describe()
        self._servers = len(self._server_set.rack_index)
        host = self._layout.host if self._layout is not None else -1
        self._host = next((n for n, one in enumerate(self._hosts) if one.executor == HOST), host)
        self._power = PowerMemory(self._host, self._real_clock)
        self._load = Load(self._servers)
        self._physics = (
            SitePhysics(self._layout, self._load, config.fleet.seed, config.fleet.pue_milli)
            if self._layout is not None
            else None
        )

    def _describe(self) -> inventory_pb2.ServerSet:
        config = self._config
        if self._layout is not None:
            return server_set_of(self._layout, config.fleet.executor)
        if self._hosts:
            return server_set_of_hosts(config.site_id, self._hosts)
        return read_server_set(config.servers or Path(), config.site_id)

    def add_parts(self) -> None:
        """In the order of their start; call inside the running loop."""
        settings = self._around.settings
        inventory = cast(Any, InventoryServiceStub(self._channel(settings.inventory_address)))
        to_telemetry = self._channel(settings.telemetry_address)
        telemetry = cast(Any, TelemetryServiceStub(to_telemetry))
        register = Register(self._server_set, self._config.state_dir, self._backoff(5.0))
        line = self._line()
        self._add_sender(telemetry, line, register)
        if self._config.mesh is not None:
            self._add_mesh(cast(Any, MeasureServiceStub(to_telemetry)), self._config.mesh)
        if self._config.executors:
            scheduler = cast(Any, SchedulerServiceStub(self._channel(settings.scheduler_address)))
            measures = cast(Any, MeasureServiceStub(to_telemetry))
            self._add_executors(scheduler, self._add_benchmark(measures, register))
        self._add_sampler(line, register)
        self._add_register(inventory, register)

    def _channel(self, address: str) -> Any:
        channel = open_channel(address, self._around.identity)
        self._add(f"channel {address}", stop=channel.close)
        return channel

    def _line(self) -> Line:
        config = self._config
        limits = SpoolLimits(bytes_max=config.spool_bytes_max)
        agent = (config.site_id, config.agent_id)
        line = Line(config.state_dir, agent, self._around.clock.now_ms(), limits, self._keys)

        async def close() -> None:
            line.close()

        self._add("spool", stop=close)
        return line

    def _add_sender(self, stub: Any, line: Line, register: Register) -> None:
        needs = Needs(
            stub.PushFrames,
            lambda: FrameSigner(self._around.identity, self._keys),
            lambda: register.revision,
            self._around.clock,
        )
        sender = Sender(line, needs, self._backoff(2.0))
        self._run("sender", sender.run)
        self._add("frames on their way", stop=sender.drained, stop_timeout_s=FRAMES_DRAIN_S)

    def _add_mesh(self, stub: Any, settings: MeshConfig) -> None:
        config = self._config
        clocks = (self._around.clock, self._real_clock)
        backoff = self._backoff(30.0)
        needs = MeshNeeds(config.site_id, config.agent_id, stub.ReportMesh, *clocks, backoff)
        mesh = Mesh(needs, settings)
        self._around.lifecycle.add(f"{config.site_id} mesh", mesh.start, mesh.stop)
        self._run("mesh reports", mesh.report)
        self._run("mesh probes", mesh.probe)

    def _add_benchmark(self, stub: Any, register: Register) -> dict[str, NamedProgram]:
        config, backoff = self._config, self._backoff(30.0)
        needs = BenchmarkNeeds(
            config.site_id, lambda: register.revision, stub.ReportCompute, self._power, backoff
        )
        benchmark = Benchmark(needs, config.measure)
        self._run("benchmark results", benchmark.run)
        return {PROGRAM: benchmark}

    def _add_executors(self, stub: Any, programs: dict[str, NamedProgram]) -> None:
        config, clock, real = self._config, self._around.clock, self._real_clock
        reports = Reports(config.site_id, stub.ReportRuns, real, self._backoff(2.0))
        self._run("reports", reports.run)
        self._add("reports on their way", stop=reports.drained, stop_timeout_s=REPORTS_DRAIN_S)
        executors: dict[str, Executor] = {}
        if FLEET in config.executors:
            watts_of = self._physics.watts_of if self._physics is not None else lambda _: 0.0
            runs = SimulatedRuns(self._load, watts_of)
            executors[FLEET] = FleetExecutor(runs, clock, real, reports.add)
        if HOST in config.executors:
            folder = config.state_dir / "runs"
            executors[HOST] = HostExecutor(folder, clock, real, reports.add, programs)
        if SLURM in config.executors and config.slurm is not None:
            slurm = SlurmCluster(config.slurm, partial(accelerator_of, self._server_set))
            waits = self._waits(config.slurm.pending_s_max, config.slurm.look_s)
            executors[SLURM] = self._cluster_executor(SLURM, slurm, waits, reports)
        if KUBERNETES in config.executors and config.kubernetes is not None:
            cluster = self._add_kubernetes(config.kubernetes)
            waits = self._waits(config.kubernetes.pending_s_max)
            executors[KUBERNETES] = self._cluster_executor(KUBERNETES, cluster, waits, reports)
        watch = OrderWatch(config.site_id, executors, stub.WatchOrders, self._backoff(2.0))
        for name, executor in executors.items():
            self._run(f"executor {name}", executor.run)
        self._run("orders", watch.run)

    def _add_kubernetes(self, settings: KubernetesConfig) -> Cluster:
        # Its client takes half a second to import: only where it is used.
        from hexi_agent.executors.kubernetes.cluster import KubernetesCluster

        models = partial(accelerator_of, self._server_set)
        cluster = KubernetesCluster(settings, self._config.site_id, models, self._backoff(30.0))
        self._add("kubernetes", stop=cluster.close)
        self._run("kubernetes", cluster.run)
        return cluster

    def _cluster_executor(
        self, name: str, cluster: Cluster, waits: Waits, reports: Reports
    ) -> ClusterExecutor:
        submitted = Submitted(self._config.state_dir / name)
        return ClusterExecutor(cluster, submitted, waits, reports.add)

    def _waits(self, pending_s_max: int, look_s: float = LOOK_S) -> Waits:
        clock, real = self._around.clock, self._real_clock
        return Waits(clock, real, self._backoff(30.0), pending_s_max, look_s)

    def _add_sampler(self, line: Line, register: Register) -> None:
        config = self._config
        beat = Beat(config.site_id, config.agent_id, config.period_ms)
        clock = self._around.clock
        sampler = Sampler(beat, self._sources(), line, clock, lambda: register.revision)
        self._run("sampler", sampler.run)

    def _sources(self) -> list[Source]:
        config, sources = self._config, list[Source]()
        host = self._host
        if config.sources:
            sources.append(self._add_gathering())
        if config.replay is not None:
            replay = config.replay
            sources.append(ReplaySource(replay.path, replay.mapping, self._servers))
        elif self._physics is not None:
            sources.append(FleetSource(self._physics, self._servers, host))
        if host >= 0:
            sources.append(HostSource(host))
        return [RememberedSource(source, self._power) for source in sources]

    def _add_gathering(self) -> Source:
        clock = self._around.clock
        sources = make_sources(self._config, clock)
        board = make_board(self._config, self._hosts, sources, clock.now_ms)
        only_wanted(sources, board.wants)
        for number, source in enumerate(sources):
            kept = KeptSource(source, board.take, self._backoff(60.0))
            self._run(f"source {number} {source.name}", kept.run)
        return board

    def _add_register(self, stub: Any, register: Register) -> None:
        async def learn() -> None:
            if self._config.publish:
                await register.publish(stub.PublishServerSet)
            else:
                await register.find(stub.GetServerSet)
            # A background part that ends takes the process with it.
            await asyncio.Event().wait()

        self._run("register", learn)

    def _backoff(self, most_s: float) -> Backoff:
        return Backoff(self._real_clock, self._around.dice, 0.1, most_s)

    def _run(self, name: str, run: Any) -> None:
        self._around.lifecycle.add_background(f"{self._config.site_id} {name}", run)

    def _add(self, name: str, stop: Any, stop_timeout_s: float = 1.0) -> None:
        lifecycle, site_id = self._around.lifecycle, self._config.site_id
        lifecycle.add(f"{site_id} {name}", None, stop, stop_timeout_s)


def _layout(config: AgentConfig) -> Layout | None:
    if config.servers is not None or config.hosts is not None:
        return None
    fleet = config.fleet
    return make_layout(
        config.site_id,
        fleet.servers + int(config.host),
        seed=fleet.seed,
        host_server=config.host,
        catalogue=fleet.catalogue,
    )


def accelerator_of(server_set: inventory_pb2.ServerSet, server: int) -> str:
    """Model of the accelerators in a server; "" for none, or a server that is not here."""
    index = server_set.accelerator_index
    which = index[server] if server < len(index) else 0
    return server_set.accelerator_models[which - 1] if which else ""


def read_server_set(path: Path, site_id: str) -> inventory_pb2.ServerSet:
    """A ServerSet in protobuf's JSON.

    Raises:
        InvalidArgument: the file is not there or no server set.
    """
    try:
        found = json_format.Parse(path.read_text(encoding="utf-8"), inventory_pb2.ServerSet())
    except (OSError, UnicodeDecodeError, json_format.ParseError) as error:
        raise InvalidArgument([Violation("servers", f"{path}: {error}")]) from error
    found.site_id, found.revision = site_id, 0
    return found
