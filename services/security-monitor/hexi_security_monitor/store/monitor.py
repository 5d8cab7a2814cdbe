"""The monitor's memory in Postgres: transactions, and reads for the SOC."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from hexi_kit.clock import Clock
from hexi_kit.db.unit_of_work import UnitOfWork
from hexi_kit.metrics import counter

from hexi_security_monitor.domain.incident import FINDINGS_MAX
from hexi_security_monitor.ports import Account, IncidentView, Page
from hexi_security_monitor.store import rows
from hexi_security_monitor.store.cases import QUERIES
from hexi_security_monitor.store.work import PostgresWork

REASON_CHARS_MAX = 500


class PostgresMonitor:
    """Stands on a pool that somebody else opens and closes."""

    def __init__(self, pool: asyncpg.Pool[Any], clock: Clock) -> None:
        self._pool, self._clock = pool, clock

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[PostgresWork]:
        async with UnitOfWork(self._pool) as uow:
            yield PostgresWork(uow, self._clock)

    async def refuse(self, topic: str, partition: int, offset: int, reason: str) -> None:
        shown = reason[:REASON_CHARS_MAX].replace("\x00", "�")
        async with UnitOfWork(self._pool) as uow:
            is_new = await uow.connection.fetchval(
                QUERIES.refuse, topic, partition, offset, shown, self._clock.now_ms()
            )
            if is_new is not None:
                await uow.connection.execute(QUERIES.count, topic, 0, 0, 1, 0)
                counter("security.events_counted").add(1, {"verdict": "refused"})

    async def view(self, incident_id: str) -> IncidentView | None:
        row = await self._pool.fetchrow(QUERIES.incident, incident_id)
        return (await self._views([row]))[0] if row else None

    async def list_incidents(
        self, site_id: str, open_only: bool, page: Page
    ) -> Sequence[IncidentView]:
        found = await self._pool.fetch(
            QUERIES.list_incidents, site_id, open_only, page.after, page.size
        )
        return await self._views(found)

    async def finding_documents(self, incident_id: str) -> Sequence[str]:
        found = await self._pool.fetch(QUERIES.finding_documents, incident_id, FINDINGS_MAX)
        return [row["document"] for row in found]

    async def accounts(self) -> Sequence[Account]:
        return [Account(*row) for row in await self._pool.fetch(QUERIES.accounts)]

    async def _views(self, found: Sequence[Any]) -> list[IncidentView]:
        ids = [row["incident_id"] for row in found]
        findings = await self._ids(QUERIES.finding_ids, ids)
        directives = await self._ids(QUERIES.directive_ids, ids)
        return [
            IncidentView(rows.incident(row), findings.get(name, ()), directives.get(name, ()))
            for row, name in zip(found, ids, strict=True)
        ]

    async def _ids(self, query: str, incidents: list[str]) -> dict[str, tuple[str, ...]]:
        found = await self._pool.fetch(query, incidents)
        return {row["incident_id"]: tuple(row["ids"]) for row in found}
