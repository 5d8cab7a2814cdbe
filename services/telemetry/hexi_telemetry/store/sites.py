"""Keeps what inventory said, so that a start needs not hear it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
from hexi_kit.db.queries import load
from hexi_kit.db.unit_of_work import UnitOfWork
from hexi_kit.kafka.record import Record

from hexi_telemetry.domain.facts import ServerSetFacts, SiteFacts

SQL = load("hexi_telemetry.store", "queries.sql")
REVISIONS_MAX = 16


class PostgresSites:
    """Facts and inbox marks move in one transaction."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    async def load(self) -> tuple[list[SiteFacts], list[ServerSetFacts]]:
        sites = await self._pool.fetch(SQL.all_sites)
        sets = await self._pool.fetch(SQL.newest_server_sets, REVISIONS_MAX)
        return (
            [
                SiteFacts(
                    row["site_id"],
                    row["is_admitted"],
                    frozenset(row["fingerprints"]),
                    row["region"],
                    row["security_grade"],
                    tuple(row["carbon_g_per_kwh_by_hour"]),
                )
                for row in sites
            ],
            [
                ServerSetFacts(
                    row["site_id"], row["revision"], tuple(row["racks"]), tuple(row["rack_index"])
                )
                for row in sets
            ],
        )

    async def save_sites(self, records: Sequence[Record], sites: Sequence[SiteFacts]) -> None:
        rows = [
            (
                one.site_id,
                one.is_admitted,
                sorted(one.fingerprints),
                one.region,
                one.security_grade,
                list(one.carbon_g_per_kwh_by_hour),
            )
            for one in sites
        ]
        await self._save(SQL.save_site, rows, records)

    async def save_server_sets(
        self, records: Sequence[Record], server_sets: Sequence[ServerSetFacts]
    ) -> None:
        rows = [(s.site_id, s.revision, list(s.racks), list(s.rack_index)) for s in server_sets]
        await self._save(SQL.save_server_set, rows, records)

    async def _save(
        self, query: str, rows: Sequence[tuple[Any, ...]], records: Sequence[Record]
    ) -> None:
        async with UnitOfWork(self._pool) as uow:
            await uow.connection.executemany(query, rows)
            uow.mark_done(records)
