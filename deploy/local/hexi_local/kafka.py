"""A real broker inside the project: one Apache Kafka node, TLS only, rights by contract."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from aiokafka.errors import KafkaError
from hexi_contracts import topics as declared
from hexi_contracts.topic import Topic
from hexi_kit.clock import Clock, SystemClock
from hexi_kit.identity import Identity, LocalAuthority

from hexi_local.broker import make_coordinators, rights_of, write_rights
from hexi_local.child import Child, Command
from hexi_local.jars import classpath, java, start_cache
from hexi_local.kafka_files import KafkaFiles
from hexi_local.network import LOOPBACK, free_ports, listens, until

BROKER = "kafka"
SUPERVISOR = "supervisor"
CLUSTER_ID = "aGV4aS1sb2NhbC1rYWZrYQ"
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 15.0
JVM_FLAGS = (
    "-Xms448m",
    "-Xmx640m",
    # Under load the young fill in seconds, not in tenths: each collection stops all answers.
    "-Xmn384m",
    "-XX:+UseSerialGC",
    "-XX:MaxDirectMemorySize=64m",
    "-Xss512k",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
)


class EmbeddedKafka:
    """Starts, restarts and stops one broker. The port stays the same for the object's life."""

    name = BROKER

    def __init__(self, state_dir: Path, pki: Path, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._log = state_dir / "logs" / "kafka.log"
        self._files = KafkaFiles(state_dir / "kafka")
        self._authority = LocalAuthority(pki)
        self._ports: tuple[int, int] | None = None
        self._answered = False
        self._aot_fresh: Path | None = None
        self.child: Child | None = None
        self.on_spawn: Callable[[], None] = lambda: None

    @property
    def bootstrap(self) -> str:
        if self._ports is None:
            raise RuntimeError("expected a started broker, was never started")
        return f"{LOOPBACK}:{self._ports[0]}"

    @property
    def supervisor(self) -> Identity:
        """The super user: makes topics and rights."""
        return self.identity(SUPERVISOR)

    async def start(self) -> None:
        """Return when the broker answers and the rights of the contracts are in force."""
        # Somebody may take a port before the broker does; once clients know ours it stays.
        if self._ports is None or not self._answered:
            self._ports = _two_ports()
        # Blocking work goes to a thread; the child itself must not be started in one.
        jars = await asyncio.to_thread(classpath)
        self._files.write(self._ports, self.identity(BROKER), [BROKER, SUPERVISOR])
        if not self._files.formatted:
            await self._format(jars)
        self.child = await Child.start(self._command(jars))
        self.on_spawn()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await until(self._answers, self._clock)
        except TimeoutError:
            failure = self.child.failure(f"was not ready in {START_TIMEOUT_S:.0f} s")
            await self.child.stop()
            raise failure from None
        self._answered = True

    async def stop(self) -> None:
        if self.child is not None:
            code = await self.child.stop()
            if self._aot_fresh is not None and code in (0, 128 + signal.SIGTERM):
                self._keep_start_cache(self._aot_fresh)

    async def _answers(self) -> bool:
        assert self.child is not None and self._ports is not None
        if not self.child.running:
            raise self.child.failure("ended before it was ready")
        if not await listens(self._ports[0]):
            return False
        try:
            await write_rights(self.bootstrap, self.supervisor, rights_of(all_topics()))
            await make_coordinators(self.bootstrap, self.supervisor)
        except (KafkaError, OSError):
            return False
        return True

    async def _format(self, jars: str) -> None:
        flags = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
        arguments = ("format", "-t", CLUSTER_ID, "-c", str(self._files.properties))
        argv = [*self._java(jars, flags), "kafka.tools.StorageTool", *arguments]
        child = await Child.start(Command("kafka-format", argv, self._log))
        if await child.wait() != 0:
            raise child.failure("failed")

    def _command(self, jars: str) -> Command:
        cache = start_cache(jars)
        flags: tuple[str, ...] = (*JVM_FLAGS, "-Xlog:aot*=off")
        self._aot_fresh = None
        if cache.exists():
            flags += (f"-XX:AOTCache={cache}",)
        else:
            # The first run of this machine learns; its stop takes some seconds longer.
            self._aot_fresh = self._files.root / "start.aot"
            flags += (f"-XX:AOTCacheOutput={self._aot_fresh}",)
        argv = [*self._java(jars, flags), "kafka.Kafka", str(self._files.properties)]
        return Command(
            BROKER,
            argv,
            self._log,
            orphan_signal=signal.SIGTERM,
            stop_timeout_s=STOP_TIMEOUT_S if self._aot_fresh is None else 3 * STOP_TIMEOUT_S,
        )

    def _java(self, jars: str, flags: tuple[str, ...]) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self._files.logging}"
        return [str(java()), *flags, logging, "-cp", jars]

    def _keep_start_cache(self, fresh: Path) -> None:
        kept = start_cache(classpath())
        # The state may lie on another disk, where nothing can be renamed to the cache.
        whole = kept.with_name(f"{kept.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            shutil.copyfile(fresh, whole)
            whole.replace(kept)

    def identity(self, name: str) -> Identity:
        """The certificate of a service that this broker trusts."""
        return self._authority.issue(name, f"spiffe://hexi/service/{name}", name)


def _two_ports() -> tuple[int, int]:
    first, second = free_ports(2)
    return first, second


def all_topics() -> list[Topic]:
    return [value for value in vars(declared).values() if isinstance(value, Topic)]
