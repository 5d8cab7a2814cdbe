"""The security monitor over real mutual TLS on a real database; records are handed in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hexi.security.v1 import security_service_pb2_grpc as pb_grpc
from hexi_contracts.topic import Topic
from hexi_kit.db.migrate import migrate
from hexi_kit.db.pool import open_pool
from hexi_kit.errors import Poison
from hexi_kit.identity import Principal
from hexi_kit.kafka.codec import encode, event_headers
from hexi_kit.kafka.record import Record
from hexi_kit.testing.clock import ManualClock
from hexi_kit.testing.pki import Pki
from hexi_kit.testing.rpc import Harness, serve
from hexi_security_monitor.api.servicer import SecurityServicer
from hexi_security_monitor.handlers.desk import Desk
from hexi_security_monitor.store.monitor import PostgresMonitor
from hexi_security_monitor.store.rule_files import load_text, parse_clocks, parse_rules
from hexi_security_monitor.stream.monitor import MonitorStream

NOW_MS = 1_795_200_000_000


@dataclass
class Watching:
    """A running monitor; `tell` is what the log would do."""

    harness: Harness
    pool: asyncpg.Pool[Any]
    clock: ManualClock
    monitor: PostgresMonitor
    stream: MonitorStream
    _offsets: dict[str, int] = field(default_factory=dict)

    async def stub(self, caller: Principal) -> pb_grpc.SecurityServiceStub:
        return pb_grpc.SecurityServiceStub(await self.harness.channel(caller))

    def record(self, topic: Topic, message: Any) -> Record:
        offset = self._offsets.get(topic.name, 0)
        self._offsets[topic.name] = offset + 1
        headers = dict(event_headers(topic, f"e{offset}", "test", self.clock.now_ms()))
        value = message if message is None else encode(message)
        return Record(topic.name, 0, offset, b"k", value, headers, self.clock.now_ms())

    async def tell(self, topic: Topic, *messages: Any) -> list[str]:
        """Hand over as the consumer does; the reasons of what became dead letters."""
        return await self.handle([self.record(topic, message) for message in messages])

    async def handle(self, records: list[Record]) -> list[str]:
        refused = []
        while records:
            try:
                await self.stream.handle(records)
            except Poison as poison:
                refused.append(poison.reason)
                records = [r for i, r in enumerate(records) if i != poison.index]
            else:
                break
        return refused

    async def outbox(self, topic: Topic) -> list[bytes]:
        rows = await self.pool.fetch(
            "SELECT value FROM outbox WHERE topic = $1 ORDER BY id", topic.name
        )
        return [row["value"] for row in rows]

    async def account(self) -> Mapping[str, tuple[int, int, int, int]]:
        return {
            one.topic: (one.matched, one.unmatched, one.refused, one.shed)
            for one in await self.monitor.accounts()
        }


@pytest.fixture
async def watching(postgres, database: str, tmp_path: Path) -> AsyncIterator[Watching]:
    clock = ManualClock(NOW_MS)
    pool = await open_pool(postgres.dsn("security-monitor", database), "security_monitor")
    await migrate(pool, "hexi_security_monitor.store.migrations", "security_monitor")
    monitor = PostgresMonitor(pool, clock)
    rules = parse_rules(load_text("detection-2026"))
    desk = Desk(monitor, rules, parse_clocks(load_text("incident-clocks-2025")), clock)
    add = pb_grpc.add_SecurityServiceServicer_to_server
    pki = Pki(tmp_path / "pki")
    async with serve([(add, SecurityServicer(desk))], pki, service_name="monitor") as harness:
        yield Watching(harness, pool, clock, monitor, MonitorStream(desk))
    await pool.close()
