"""Cells and rollups in Postgres, written in the transaction that moves the inbox marks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from hexi_kit.db.queries import load
from hexi_kit.db.unit_of_work import UnitOfWork
from hexi_kit.kafka.record import Record

from hexi_telemetry.domain.energy.account import Account, unpacked
from hexi_telemetry.domain.energy.agreement import Pairs
from hexi_telemetry.domain.energy.minutes import MINUTE_MS
from hexi_telemetry.domain.energy.rollup import Rollup
from hexi_telemetry.domain.energy.window import DAY_MS, SHANGHAI_MS
from hexi_telemetry.ports.windows import Closing, LogBatch, Window
from hexi_telemetry.wire.rollups import impossible_event, rollup_event, rollup_message

SQL = load("hexi_telemetry.store", "queries.sql")
# Of one transaction; what is left waits for the next.
MINUTES_MAX, WINDOWS_MAX = 1_000, 500
# Frames of ten million servers every ten seconds: whoever sends more in a minute is not measuring.
CELL_BYTES_MAX = 1 << 20


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
        self._execute, self._fetch = uow.connection.execute, uow.connection.fetch

    async def add(self, batch: LogBatch) -> None:
        if batch.points:
            rows = [(*place, points) for place, points in sorted(batch.points.items())]
            # Watermarks first: they are what others wait for that close the same sites.
            await self._execute(SQL.move_watermarks, *_columns(sorted(batch.watermarks.items())))
            await self._execute(SQL.add_cells, *_columns(rows), CELL_BYTES_MAX)
        if batch.logged:
            logged = [(*key, number, digest, *beat) for key, number, (digest, beat) in batch.logged]
            await self._execute(SQL.add_ahead, *_columns(logged))

    async def hold(self, sites: Sequence[str] | None) -> dict[str, int]:
        rows = await self._fetch(SQL.hold_sites, None if sites is None else list(sites))
        return {row["site_id"]: row["observed_at_ms"] for row in rows}

    async def fresh_minutes(self, ripe_ms: Mapping[str, int]) -> list[tuple[str, int]]:
        rows = await self._fetch(
            SQL.fresh_minutes, list(ripe_ms), list(ripe_ms.values()), MINUTE_MS, MINUTES_MAX
        )
        return [(row["site_id"], row["start_ms"]) for row in rows]

    async def beside(self, site_id: str, first_ms: int, last_ms: int) -> tuple[int, int]:
        [row] = await self._fetch(SQL.cells_beside, site_id, first_ms, last_ms)
        return row["before_ms"], row["after_ms"]

    async def cells(self, site_id: str, start_ms: int, end_ms: int) -> list[bytes]:
        rows = await self._fetch(SQL.cells_around, site_id, start_ms, end_ms)
        return [row["points"] for row in rows]

    async def ripe(self, child_ms: int, width_ms: int, ripe_ms: Mapping[str, int]) -> list[Window]:
        sites, moments = list(ripe_ms), list(ripe_ms.values())
        rows = await self._fetch(
            SQL.ripe_windows, sites, moments, child_ms, width_ms, SHANGHAI_MS, WINDOWS_MAX
        )
        return [Window(row["site_id"], row["start_ms"], width_ms) for row in rows]

    async def parts(self, windows: Sequence[Window], child_ms: int) -> dict[Window, list[Account]]:
        rows = await self._fetch(SQL.parts_of_windows, *_columns(windows), child_ms)
        found: dict[Window, list[Account]] = {window: [] for window in windows}
        for row in rows:
            window = Window(row["site_id"], row["window_ms"], row["width_ms"])
            start_ms = row["start_ms"]
            found[window].append(unpacked(start_ms, start_ms + child_ms, row["account"]))
        return found

    async def close(self, closings: Sequence[Closing]) -> int:
        places = [_window(one) for one in closings]
        rows = await self._fetch(SQL.rollups_of_windows, *_columns(places)) if places else []
        known = {Window(row["site_id"], row["start_ms"], row["width_ms"]): row for row in rows}
        kept, told = [], 0
        for window, (rollup, account) in zip(places, closings, strict=True):
            was = known.get(window)
            revision = was["revision"] if was is not None else 0
            packed = account.packed()
            if was is None or _said(rollup, revision) != was["message"]:
                revision += 1
                told += self._tell(rollup, revision)
            elif packed == was["account"]:
                continue
            kept.append((*window, revision, _said(rollup, revision), packed))
        if kept:
            await self._execute(SQL.save_rollups, *_columns(kept), DAY_MS)
        return told

    def _tell(self, rollup: Rollup, revision: int) -> int:
        if rollup.end_ms - rollup.start_ms == MINUTE_MS:
            return 0
        self._uow.publish(rollup_event(rollup, revision))
        if rollup.is_impossible:
            self._uow.publish(impossible_event(rollup))
        return 1

    async def settle(self, windows: Sequence[Window], child_ms: int) -> None:
        if child_ms:
            await self._execute(SQL.told_windows, *_columns(windows), child_ms)
        else:
            await self._execute(SQL.told_cells, *_columns([window[:2] for window in windows]))

    async def agreements(self, sites: Sequence[str]) -> dict[tuple[str, int], Pairs]:
        rows = await self._fetch(SQL.agreements, list(sites))
        return {(row["site_id"], row["revision"]): Pairs(*row["pairs"]) for row in rows}

    async def agree(self, site_id: str, revision: int, first: Pairs) -> None:
        await self._execute(SQL.agree, site_id, revision, list(first))

    async def forget(self, before_ms: int) -> None:
        await self._execute(SQL.forget_cells, before_ms)
        await self._execute(SQL.forget_minutes, before_ms, MINUTE_MS)


def _window(closing: Closing) -> Window:
    rollup = closing.rollup
    return Window(rollup.site_id, rollup.start_ms, rollup.end_ms - rollup.start_ms)


def _said(rollup: Rollup, revision: int) -> bytes:
    return rollup_message(rollup, revision).SerializeToString(deterministic=True)


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
