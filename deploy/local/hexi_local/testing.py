"""One real broker and one real database for a whole test run, and processes that stand on them."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_asyncio
from hexi_kit.clock import SystemClock
from hexi_kit.testing.pki import Pki

from hexi_local.kafka import EmbeddedKafka
from hexi_local.manifest import Manifest
from hexi_local.options import MANIFEST
from hexi_local.postgres import EmbeddedPostgres
from hexi_local.service import Service, ServicePlan

Server = TypeVar("Server", EmbeddedKafka, EmbeddedPostgres)

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def kafka() -> Iterator[EmbeddedKafka]:
    """A broker with the rights of the contracts, without topics: a test makes those it needs."""
    with _folder() as root:
        yield from _run(EmbeddedKafka(root, root / "pki"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A database server that knows every service."""
    with _folder() as root:
        yield from _run(EmbeddedPostgres(root, Manifest.read(MANIFEST).databases))


@pytest_asyncio.fixture
async def database(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The name of a fresh database with the schemas of all services, for `postgres.dsn`."""
    name = f"test_{next(_numbers)}"
    await postgres.prepare(name)
    yield name
    await postgres.drop(name)


@dataclass(frozen=True, slots=True)
class Ground:
    """What a service's process stands on; without a `dsn` it has no database."""

    kafka: EmbeddedKafka
    pki: Pki
    logs: Path
    dsn: str = ""

    def service(self, name: str, module: str, address: str, **environment: str) -> Service:
        """A process to be started; `environment` adds to what it is told."""
        told = {
            "HEXI_LISTEN": address,
            "HEXI_PKI_DIR": str(self.pki.directory),
            "HEXI_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
        }
        told |= {"HEXI_POSTGRES_DSN": self.dsn} if self.dsn else {}
        log = self.logs / f"{name}.log"
        plan = ServicePlan(name, module, (), address, told | environment, log)
        return Service(plan, self.pki.service("supervisor"), SystemClock())


@contextmanager
def _folder() -> Iterator[Path]:
    # Not below pytest's folder: every other run of pytest closes that to other users again.
    with tempfile.TemporaryDirectory(prefix="hexi-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _run(server: Server) -> Iterator[Server]:
    # A loop of its own: the tests' loops come and go, the server stays.
    loop = asyncio.new_event_loop()

    def do(step: Coroutine[Any, Any, None]) -> None:
        loop.run_until_complete(step)

    do(server.start())
    try:
        yield server
    finally:
        do(server.stop())
        loop.close()
