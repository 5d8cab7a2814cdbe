"""Quarters and rollups in Postgres, written in the transaction that moves the inbox marks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from hexi.telemetry.v1 import telemetry_pb2
from hexi_kit.db.queries import load
from hexi_kit.db.unit_of_work import UnitOfWork
from hexi_kit.kafka.record import Record

from hexi_telemetry.domain.quarter import QUARTER_MS, Quarter, Reading
from hexi_telemetry.domain.rollup import HOUR_MS, Rollup
from hexi_telemetry.ports.windows import LogBatch, Window
from hexi_telemetry.wire.rollups import rollup_event, rollup_message, rollup_of

SQL = load("hexi_telemetry.store", "queries.sql")
# Frames of one site come nearly in order; a window waits this long for the last of them.
GRACE_MS = 60_000


class PostgresWindows:
    """Begins one transaction after the other; see WindowStore."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    @asynccontextmanager
    async def begin(self, records: Sequence[Record] = ()) -> AsyncIterator[PostgresWork]:
        """With `records` the inbox marks move behind them."""
        async with UnitOfWork(self._pool) as uow:
            if records:
                uow.mark_done(records)
            yield PostgresWork(uow)


class PostgresWork:
    """One transaction."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def add(self, batch: LogBatch) -> None:
        connection = self._uow.connection
        rows = [_row(batch.quarters[place]) for place in sorted(batch.quarters)]
        if rows:
            await connection.execute(SQL.add_quarters, *_columns(rows))
            marks = sorted(batch.watermarks.items())
            await connection.execute(SQL.move_watermarks, *_columns(marks))
        if batch.logged:
            logged = [(*key, number, digest) for key, number, digest in batch.logged]
            await connection.execute(SQL.add_ahead, *_columns(logged))

    async def ripe(self, before_ms: int | None = None) -> list[Window]:
        rows = await self._uow.connection.fetch(
            SQL.ripe_windows, QUARTER_MS, HOUR_MS, GRACE_MS, before_ms or 0
        )
        return [Window(row["site_id"], row["start_ms"], row["width_ms"]) for row in rows]

    async def around(self, window: Window) -> list[Quarter]:
        start_ms = window.start_ms - QUARTER_MS
        end_ms = window.start_ms + window.width_ms + QUARTER_MS
        rows = await self._uow.connection.fetch(
            SQL.quarters_between, window.site_id, start_ms, end_ms
        )
        return [_quarter(row) for row in rows]

    async def published(self, window: Window) -> tuple[int, Rollup | None]:
        row = await self._uow.connection.fetchrow(
            SQL.rollup_of_window, window.site_id, window.start_ms, window.width_ms
        )
        if row is None:
            return 0, None
        message = telemetry_pb2.RollupClosed.FromString(row["message"])
        return row["revision"], rollup_of(message)

    async def publish(self, rollup: Rollup, revision: int) -> None:
        await self._uow.connection.execute(
            SQL.save_rollup,
            rollup.site_id,
            rollup.start_ms,
            rollup.end_ms - rollup.start_ms,
            revision,
            rollup_message(rollup, revision).SerializeToString(deterministic=True),
        )
        self._uow.publish(rollup_event(rollup, revision))

    async def settle(self, windows: Sequence[Window]) -> None:
        quarters = [(w.site_id, w.start_ms) for w in windows if w.width_ms == QUARTER_MS]
        hours = [
            (w.site_id, w.start_ms, w.start_ms + HOUR_MS) for w in windows if w.width_ms == HOUR_MS
        ]
        await self._uow.connection.executemany(SQL.told_quarter, quarters)
        await self._uow.connection.executemany(SQL.told_hour, hours)


def _row(quarter: Quarter) -> tuple[Any, ...]:
    first = quarter.first or (None, None, None)
    last = quarter.last or (None, None, None)
    sums = (quarter.frames, quarter.power_uws, quarter.covered_server_ms, quarter.servers)
    return (quarter.site_id, quarter.start_ms, *sums, *first, *last)


def _quarter(row: Any) -> Quarter:
    first = (row["first_at_ms"], row["first_facility_ws"], row["first_it_ws"])
    last = (row["last_at_ms"], row["last_facility_ws"], row["last_it_ws"])
    return Quarter(
        row["site_id"],
        row["start_ms"],
        row["frames"],
        row["power_uws"],
        row["covered_server_ms"],
        row["servers"],
        None if first[0] is None else Reading(*first),
        None if last[0] is None else Reading(*last),
    )


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
