"""Series in Postgres: a part of a minute is three rows, one a level, written once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import groupby, product
from operator import itemgetter
from typing import Any

import asyncpg
import numpy as np
from hexi_kit.db.queries import load
from hexi_kit.db.unit_of_work import UnitOfWork
from hexi_kit.metrics import counter

from hexi_telemetry.domain.frame import Metric
from hexi_telemetry.domain.points import NO_READINGS, Readings
from hexi_telemetry.domain.series import Level
from hexi_telemetry.ports.series import ClosedMinute, MinuteKey, Scope, Unit
from hexi_telemetry.store.days import SeriesDays
from hexi_telemetry.store.sections import Unpacking, pack, unpack

SQL = load("hexi_telemetry.store", "series.sql")
# Beside the mark of the windows, which take each batch in at once.
MARK = "telemetry.frame.v1/series"


class PostgresSeries:
    """See SeriesStore."""

    def __init__(self, pool: asyncpg.Pool[Any], days: SeriesDays) -> None:
        self._pool, self._days = pool, days

    async def load(self) -> tuple[dict[int, int], dict[MinuteKey, int]]:
        rows = await self._pool.fetch(SQL.series_marks, MARK)
        marks = {row["partition"]: row["next_offset"] for row in rows}
        kept: dict[MinuteKey, int] = {}
        for place in sorted(marks.items()):
            for row in await self._pool.fetch(SQL.series_kept_beyond, *place):
                key = MinuteKey(row["site_id"], row["start_ms"], row["revision"])
                kept[key] = row["through_offset"]
        return marks, kept

    async def save(self, minutes: Sequence[ClosedMinute]) -> None:
        rows = []
        for minute, level in product(minutes, Level):
            if not await self._days.has_room(level, minute.key.start_ms):
                counter("telemetry.series_too_old").add(1)
                continue
            block = await asyncio.to_thread(pack, level, minute.levels[level])
            head = (int(level), *minute.key, minute.through_offset, minute.partition)
            body = (block.units, block.section_units, block.metrics, block.ends, block.data)
            rows.append((*head, *body))
        async with UnitOfWork(self._pool) as uow:
            await uow.connection.executemany(SQL.add_series, rows)

    async def mark(self, marks: Mapping[int, int]) -> None:
        async with UnitOfWork(self._pool) as uow:
            for partition, next_offset in marks.items():
                uow.mark(MARK, partition, next_offset)

    async def units(self, scope: Scope, between_ms: tuple[int, int]) -> list[Unit]:
        rows = await self._pool.fetch(
            SQL.series_units,
            int(scope.level),
            scope.site_id,
            *between_ms,
            scope.rack,
            scope.server,
        )
        return [Unit(row["revision"], row["place"], row["servers"]) for row in rows]

    async def readings(
        self, scope: Scope, metric: Metric, units: Sequence[Unit], between_ms: tuple[int, int]
    ) -> Readings:
        rows = await self._pool.fetch(
            SQL.series_sections,
            int(scope.level),
            scope.site_id,
            *between_ms,
            [unit.revision for unit in units],
            [unit.place for unit in units],
            [unit.servers for unit in units],
            int(metric),
        )
        return await asyncio.to_thread(_readings, scope, metric, rows)


def _readings(scope: Scope, metric: Metric, rows: Sequence[Any]) -> Readings:
    """Sections of equal size are read together: nearly always all of them."""
    pieces = [NO_READINGS]
    for shape, group in groupby(rows, itemgetter("units", "section_units", "place")):
        same = list(group)
        sections = [row["section"] for row in same]
        said = unpack(Unpacking(scope.level, metric, *shape), sections)
        starts = np.array([row["start_ms"] for row in same], np.int64)
        servers = np.array([row["servers"] for row in same], np.int64)
        pieces.append(Readings(starts, servers, said.covered_ms, said.mean, said.low, said.high))
    return Readings(*map(np.concatenate, zip(*pieces, strict=True)))
