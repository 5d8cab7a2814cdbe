"""All processes of one Hexi on one machine, from the first start to the last stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from hexi_kit.clock import Clock, SystemClock
from hexi_kit.identity import LocalAuthority
from hexi_kit.kafka.admin import ensure_topics
from hexi_kit.logs import get_logger

from hexi_local.broker import rights_of, until_led, write_rights
from hexi_local.kafka import SUPERVISOR, EmbeddedKafka, all_topics
from hexi_local.keeper import Keeper, State, Unit
from hexi_local.ledger import Ledger
from hexi_local.logfile import rotate
from hexi_local.manifest import SERVERS, Manifest, ProcessSpec, in_order
from hexi_local.options import LocalOptions
from hexi_local.plan import RunPlan, issue_service
from hexi_local.postgres import EmbeddedPostgres
from hexi_local.servers import ExternalPostgres
from hexi_local.service import Service, ServicePlan
from hexi_local.state import StateDir, write_json

ROTATE_EVERY_S = 10.0

log = get_logger()


class LocalHexi:
    """`async with` brings everything up and leaves nothing running, however the body ends."""

    def __init__(self, options: LocalOptions, clock: Clock | None = None) -> None:
        manifest = Manifest.read(options.manifest)
        self._options = options
        self._clock = clock or SystemClock()
        self._state = StateDir(options.state_dir)
        self._specs = in_order(manifest.chosen(options.profile, options.services))
        self._databases = manifest.databases
        self._ledger = Ledger(self._state)
        self._keepers: dict[str, Keeper] = {}
        self._holding = contextlib.ExitStack()
        self._rotation: asyncio.Task[None] | None = None
        self.authority = LocalAuthority(self._state.pki)

    async def __aenter__(self) -> LocalHexi:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def addresses(self) -> Mapping[str, str]:
        """Where each service answers gRPC: `inventory`, `scheduler`, …"""
        return self._plan.addresses

    @property
    def kafka(self) -> str:
        return self._options.kafka_bootstrap or self._embedded_kafka.bootstrap

    @property
    def pids(self) -> dict[str, int]:
        """The processes that run now."""
        return {
            name: keeper.unit.child.pid
            for name, keeper in self._keepers.items()
            if keeper.unit.child is not None and keeper.unit.child.running
        }

    @property
    def restarts(self) -> dict[str, int]:
        return {name: keeper.restarts for name, keeper in self._keepers.items()}

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables a further process of this run needs."""
        return self._plan.common(self.kafka)

    def dsn(self, service: str = "") -> str:
        """The database, as the owner of everything or as one service."""
        return self._postgres.dsn(service)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to one process. What dies is restarted."""
        child = self._keepers[name].unit.child
        if child is not None:
            child.signal(number)

    async def until_ready(self, name: str, restarts_min: int = 0) -> None:
        """Wait until a process serves, and was restarted at least so often."""
        await self._keepers[name].until_ready(restarts_min)

    async def start_further(
        self, name: str, module: str, arguments: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        """Keep one more process that serves nobody, such as an agent; it is ended first."""
        plan = ServicePlan(
            name=name,
            module=module,
            arguments=tuple(arguments),
            address="",
            environment={**self.environment, **environment},
            log=self._state.logs / f"{name}.log",
        )
        service = Service(plan, issue_service(self.authority, SUPERVISOR), self._clock)
        self._keepers[name] = self._keeper(service)
        await self._keepers[name].start()

    async def stop_one(self, name: str) -> None:
        """End one process and keep it down until `start_one`."""
        await self._keepers[name].stop()

    async def start_one(self, name: str) -> None:
        await self._keepers[name].start()

    async def start(self) -> None:
        self._holding.enter_context(self._state.lock())
        try:
            ended = await asyncio.to_thread(self._ledger.end_leftovers)
            if ended:
                log.warning("leftovers.ended", names=ended)
            # A killed supervisor also leaves its run file: nobody may read old addresses from it.
            self._state.run_file.unlink(missing_ok=True)
            await self._start_all()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """In reverse order of start: further processes, services, the servers they stand on."""
        self._state.run_file.unlink(missing_ok=True)
        if self._rotation is not None:
            self._rotation.cancel()
        listed = {spec.name for spec in self._specs}
        for names in (self._keepers.keys() - listed - SERVERS, listed, SERVERS):
            keepers = [keeper for name, keeper in self._keepers.items() if name in names]
            await asyncio.gather(*(keeper.stop() for keeper in keepers))
        self._holding.close()

    async def _start_all(self) -> None:
        self._plan = RunPlan(self._options, self._specs)
        for service in {spec.service for spec in self._specs} | {SUPERVISOR}:
            issue_service(self.authority, service)
        await asyncio.gather(self._start_kafka(), self._start_postgres())
        started = {spec.name: asyncio.Event() for spec in self._specs}
        for spec in self._specs:
            self._keepers[spec.name] = self._keeper(self._service(spec))
        try:
            async with asyncio.TaskGroup() as group:
                for spec in self._specs:
                    group.create_task(self._start_service(spec, started))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        self._rotation = asyncio.create_task(self._rotate(), name="rotate-logs")
        write_json(self._state.run_file, self._run())
        self._write_ledger()

    async def _start_kafka(self) -> None:
        bootstrap = self._options.kafka_bootstrap
        if not bootstrap:
            self._embedded_kafka = EmbeddedKafka(self._state.root, self._state.pki, self._clock)
            await self._start_server(self._embedded_kafka)
        identity = issue_service(self.authority, SUPERVISOR)
        if bootstrap:
            await write_rights(bootstrap, identity, rights_of(all_topics()))
        await ensure_topics(self.kafka, identity, all_topics())
        await until_led(self.kafka, identity, all_topics())

    async def _start_postgres(self) -> None:
        dsn = self._options.postgres_dsn
        if dsn:
            external = ExternalPostgres(dsn, self._state, self._databases)
            self._postgres: ExternalPostgres | EmbeddedPostgres = external
            await external.prepare()
            return
        embedded = EmbeddedPostgres(self._state.root, self._databases, self._clock)
        self._postgres = embedded
        await self._start_server(embedded)

    async def _start_server(self, server: Unit) -> None:
        self._keepers[server.name] = self._keeper(server)
        await self._keepers[server.name].start()

    async def _start_service(self, spec: ProcessSpec, started: dict[str, asyncio.Event]) -> None:
        for need in spec.needs:
            if need in started:
                await started[need].wait()
        await self._keepers[spec.name].start()
        started[spec.name].set()

    def _service(self, spec: ProcessSpec) -> Service:
        plan = self._plan.service(spec, self.kafka, self.dsn)
        return Service(plan, issue_service(self.authority, SUPERVISOR), self._clock)

    def _keeper(self, unit: Unit) -> Keeper:
        return Keeper(unit, self._clock, self._write_ledger)

    def _run(self) -> dict[str, Any]:
        return {
            "addresses": dict(self.addresses),
            "kafka": self.kafka,
            "postgres": self.dsn(),
            "clock": self._options.clock,
        }

    def _write_ledger(self) -> None:
        processes: list[dict[str, Any]] = []
        for name, keeper in self._keepers.items():
            child = keeper.unit.child
            known = child.name.plain() if child is not None and child.name is not None else {}
            state = {"state": str(keeper.state), "restarts": keeper.restarts}
            processes.append({"name": name, **known, **state})
        ready = all(keeper.state is State.READY for keeper in self._keepers.values())
        self._ledger.write(processes, ready and self._state.run_file.exists())

    async def _rotate(self) -> None:
        while True:
            await self._clock.sleep(ROTATE_EVERY_S)
            for path in self._state.logs.glob("*.log"):
                await asyncio.to_thread(rotate, path)
