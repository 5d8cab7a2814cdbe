"""Pages of what is stored, straight for the door: there is nothing to decide about a read."""

from __future__ import annotations

from typing import Any

import asyncpg
from hexi.telemetry.v1 import telemetry_pb2, telemetry_service_pb2
from hexi_kit.db.queries import load

SQL = load("hexi_telemetry.store", "queries.sql")


class PostgresReads:
    """Answers queries from committed rows."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    async def rollups(
        self,
        site_id: str,
        between_ms: tuple[int, int],
        after: tuple[int, int],
        paged: tuple[int, int],
    ) -> list[tuple[int, int, telemetry_pb2.RollupClosed]]:
        """(start, width, message) in order, behind `after`."""
        rows = await self._pool.fetch(SQL.list_rollups, site_id, *between_ms, *after, *paged)
        parse = telemetry_pb2.RollupClosed.FromString
        return [(row["start_ms"], row["width_ms"], parse(row["message"])) for row in rows]

    async def gaps(
        self, site_id: str, after: int, size: int
    ) -> list[tuple[int, telemetry_pb2.GapRecorded]]:
        rows = await self._pool.fetch(SQL.list_gaps, site_id, after, size)
        return [
            (
                row["id"],
                telemetry_pb2.GapRecorded(
                    site_id=site_id,
                    agent_id=row["agent_id"],
                    epoch=row["epoch"],
                    first_sequence=row["first_sequence"],
                    last_sequence=row["last_sequence"],
                    cause=telemetry_pb2.GapCause.ValueType(row["cause"]),
                    recorded_at_ms=row["recorded_at_ms"],
                    from_ms=row["from_ms"],
                    to_ms=row["to_ms"],
                ),
            )
            for row in rows
        ]

    async def streams(self, site_id: str) -> list[telemetry_service_pb2.StreamStatus]:
        rows = await self._pool.fetch(SQL.list_streams, site_id)
        return [telemetry_service_pb2.StreamStatus(**dict(row)) for row in rows]
