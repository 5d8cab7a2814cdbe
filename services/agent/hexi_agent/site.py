"""Puts one site's agent together out of its configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from google.protobuf import json_format
from hexi.inventory.v1 import inventory_pb2
from hexi.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from hexi.telemetry.v1.measure_service_pb2_grpc import MeasureServiceStub
from hexi.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceStub
from hexi_kit.errors import InvalidArgument, Violation

from hexi_agent.around import SiteParts, Surroundings
from hexi_agent.config import AgentConfig
from hexi_agent.domain.layout import Layout
from hexi_agent.domain.load import Load
from hexi_agent.domain.physics import SitePhysics
from hexi_agent.fleet import HOST, make_layout, server_set_of
from hexi_agent.frame import FrameSigner
from hexi_agent.gather import KeptSource, make_board, make_sources, only_wanted
from hexi_agent.hosts import read_hosts, server_set_of_hosts
from hexi_agent.keys import FrameKeys
from hexi_agent.mapping.rules import Rule
from hexi_agent.measure.power import PowerMemory, RememberedSource
from hexi_agent.mesh.mesh import Mesh, MeshNeeds
from hexi_agent.mesh.options import MeshConfig
from hexi_agent.register import Register
from hexi_agent.sampler import Beat, Sampler
from hexi_agent.sender import Needs, Sender
from hexi_agent.sources import Source
from hexi_agent.sources.fleet import FleetSource
from hexi_agent.sources.replay import ReplaySource
from hexi_agent.spool import SpoolLimits
from hexi_agent.spool.line import Line

if TYPE_CHECKING:
    from hexi_agent.work import SiteWork

FRAMES_DRAIN_S = 4.0


class SiteAgent:
    """Adds its parts to the lifecycle; stopped in reverse, so what was measured is sent before
    the sender goes. A kill instead of that loses nothing either."""

    def __init__(
        self, around: Surroundings, config: AgentConfig, rules: Sequence[Rule] = ()
    ) -> None:
        """`rules` say what its sources mean."""
        self._rules = rules
        self._parts, self._config = SiteParts(around, config.site_id), config
        config.state_dir.mkdir(parents=True, exist_ok=True)
        self._keys = FrameKeys(config.state_dir, config.key_rules)
        self._layout = _layout(config)
        self._hosts = read_hosts(config.hosts) if config.hosts is not None else []
        self._server_set = self._describe()
        self._servers = len(self._server_set.rack_index)
        host = self._layout.host if self._layout is not None else -1
        self._host = next((n for n, one in enumerate(self._hosts) if one.executor == HOST), host)
        self._power = PowerMemory(self._host, self._parts.real_clock)
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
        parts, settings = self._parts, self._parts.around.settings
        inventory = cast(Any, InventoryServiceStub(parts.channel(settings.inventory_address)))
        to_telemetry = parts.channel(settings.telemetry_address)
        telemetry = cast(Any, TelemetryServiceStub(to_telemetry))
        register = Register(self._server_set, self._config.state_dir, parts.backoff(5.0))
        line = self._line()
        self._add_sender(telemetry, line, register)
        if self._config.mesh is not None:
            self._add_mesh(cast(Any, MeasureServiceStub(to_telemetry)), self._config.mesh)
        if self._config.executors:
            # Agents that only measure do not load what speaks of work.
            from hexi.scheduler.v1.scheduler_service_pb2_grpc import SchedulerServiceStub

            scheduler = cast(Any, SchedulerServiceStub(parts.channel(settings.scheduler_address)))
            measures = cast(Any, MeasureServiceStub(to_telemetry))
            self._work(register).add(scheduler, measures)
        self._add_sampler(line, register)
        self._add_register(inventory, register)

    def _work(self, register: Register) -> SiteWork:
        from hexi_agent.work import SiteWork, WorkNeeds

        watts_of = self._physics.watts_of if self._physics is not None else None
        needs = WorkNeeds(
            self._server_set, self._load, watts_of, self._power, lambda: register.revision
        )
        return SiteWork(self._parts, self._config, needs)

    def _line(self) -> Line:
        config = self._config
        limits = SpoolLimits.of(config.spool_bytes_max)
        agent = (config.site_id, config.agent_id)
        line = Line(config.state_dir, agent, self._parts.clock.now_ms(), limits, self._keys)

        async def close() -> None:
            line.close()

        self._parts.ends("spool", close)
        return line

    def _add_sender(self, stub: Any, line: Line, register: Register) -> None:
        needs = Needs(
            stub.PushFrames,
            lambda: FrameSigner(self._parts.around.identity, self._keys),
            lambda: register.revision,
            self._parts.clock,
        )
        sender = Sender(line, needs, self._parts.backoff(2.0))
        self._parts.run("sender", sender.run)
        self._parts.ends("frames on their way", sender.drained, FRAMES_DRAIN_S)

    def _add_mesh(self, stub: Any, settings: MeshConfig) -> None:
        config = self._config
        clocks = (self._parts.clock, self._parts.real_clock)
        backoff = self._parts.backoff(30.0)
        needs = MeshNeeds(config.site_id, config.agent_id, stub.ReportMesh, *clocks, backoff)
        mesh = Mesh(needs, settings)
        self._parts.around.lifecycle.add(f"{config.site_id} mesh", mesh.start, mesh.stop)
        self._parts.run("mesh reports", mesh.report)
        self._parts.run("mesh probes", mesh.probe)

    def _add_sampler(self, line: Line, register: Register) -> None:
        config = self._config
        beat = Beat(config.site_id, config.agent_id, config.period_ms)
        clock = self._parts.clock
        sampler = Sampler(beat, self._sources(), line, clock, lambda: register.revision)
        self._parts.run("sampler", sampler.run)

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
            from hexi_agent.sources.host import HostSource

            sources.append(HostSource(host))
        return [RememberedSource(source, self._power) for source in sources]

    def _add_gathering(self) -> Source:
        clock = self._parts.clock
        sources = make_sources(self._config, clock)
        board = make_board(self._config, self._hosts, sources, clock.now_ms, self._rules)
        only_wanted(sources, board.wants)
        for number, source in enumerate(sources):
            kept = KeptSource(source, board.take, self._parts.backoff(60.0))
            self._parts.run(f"source {number} {source.name}", kept.run)
        return board

    def _add_register(self, stub: Any, register: Register) -> None:
        async def learn() -> None:
            if self._config.publish:
                await register.publish(stub.PublishServerSet)
            else:
                await register.find(stub.GetServerSet)
            # A background part that ends takes the process with it.
            await asyncio.Event().wait()

        self._parts.run("register", learn)


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
