"""The inventory in Postgres: transactions and reads of any past state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from hexi_kit.clock import Clock
from hexi_kit.db.unit_of_work import UnitOfWork
from hexi_kit.testing import faults

from hexi_inventory.domain.admission import Admission
from hexi_inventory.domain.record import Rollup, ServerSetRecord, SiteRecord
from hexi_inventory.ports import Moment, Page
from hexi_inventory.store import rows
from hexi_inventory.store.work import QUERIES, PostgresWork

FOR_EVER_MS = 2**63 - 1


class PostgresInventory:
    """Stands on a pool that somebody else opens and closes."""

    def __init__(self, pool: asyncpg.Pool[Any], clock: Clock) -> None:
        self._pool, self._clock = pool, clock

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[PostgresWork]:
        async with UnitOfWork(self._pool) as uow:
            yield PostgresWork(uow, self._clock)

    async def find_site(self, site_id: str, revision: int, moment: Moment) -> SiteRecord | None:
        if revision:
            row = await self._pool.fetchrow(QUERIES.site_revision, site_id, revision)
        elif moment == Moment():
            row = await self._pool.fetchrow(QUERIES.site_now, site_id)
        else:
            now_ms = self._clock.now_ms()
            valid_at_ms = moment.valid_at_ms or now_ms
            known_at_ms = moment.recorded_at_ms or FOR_EVER_MS
            row = await self._pool.fetchrow(QUERIES.site_at, site_id, valid_at_ms, known_at_ms)
        return rows.site_record(row) if row else None

    async def find_server_set(self, site_id: str, revision: int) -> ServerSetRecord | None:
        row = await self._pool.fetchrow(QUERIES.server_set, site_id, revision)
        return rows.server_set_record(row) if row else None

    async def list_sites(self, page: Page) -> Sequence[SiteRecord]:
        found = await self._pool.fetch(QUERIES.list_sites, page.after, page.size)
        return [rows.site_record(row) for row in found]

    async def list_admissions(self, site_id: str, page: Page) -> Sequence[Admission]:
        after = int(page.after or 0)
        found = await self._pool.fetch(QUERIES.list_admissions, site_id, after, page.size)
        return [rows.admission_step(row) for row in found]

    async def add_rollups(
        self, topic: str, partition: int, next_offset: int, rollups: Sequence[Rollup]
    ) -> None:
        # One row an interval: Postgres refuses to update the same row twice in one statement.
        newest: dict[tuple[str, int, int], Rollup] = {}
        for rollup in sorted(rollups, key=lambda rollup: rollup.revision):
            newest[rollup.site_id, rollup.start_ms, rollup.end_ms] = rollup
        kept = [newest[place] for place in sorted(newest)]
        async with UnitOfWork(self._pool) as uow:
            await uow.connection.execute(
                QUERIES.add_rollups,
                [rollup.site_id for rollup in kept],
                [rollup.start_ms for rollup in kept],
                [rollup.end_ms for rollup in kept],
                [rollup.revision for rollup in kept],
                [rollup.it_energy_ws for rollup in kept],
                [rollup.facility_energy_ws for rollup in kept],
                [rollup.coverage_ppm for rollup in kept],
            )
            uow.mark(topic, partition, next_offset)
            faults.point("inventory.before_rollups")
        faults.point("inventory.after_rollups")
