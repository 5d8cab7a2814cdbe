"""The tables of series by day: made before they are needed, dropped when their days are over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg
from hexi_kit.clock import Clock
from hexi_kit.db.queries import load
from hexi_kit.logs import get_logger

from hexi_telemetry.domain.series import DAY_MS, Level

SQL = load("hexi_telemetry.store", "series.sql")
AHEAD_DAYS = 2
LOOK_S = 3_600.0


class SeriesDays:
    """`kept_days` by level: what is older is neither written nor kept."""

    def __init__(
        self, pool: asyncpg.Pool[Any], clock: Clock, kept_days: Mapping[Level, int]
    ) -> None:
        self._pool, self._clock, self._kept_days = pool, clock, kept_days
        self._made: set[tuple[Level, int]] = set()

    async def run(self) -> None:
        """Look after the tables as long as the process runs."""
        while True:
            await self.tidy()
            await self._clock.sleep(LOOK_S)

    async def tidy(self) -> None:
        today_ms = self._clock.now_ms() // DAY_MS * DAY_MS
        for level in Level:
            for ahead in range(AHEAD_DAYS + 1):
                await self.has_room(level, today_ms + ahead * DAY_MS)
            await self._drop_old(level)

    async def has_room(self, level: Level, start_ms: int) -> bool:
        """Whether a minute may be written; its table is there if so."""
        day_ms = start_ms // DAY_MS * DAY_MS
        if day_ms < self._oldest_ms(level):
            return False
        if (level, day_ms) not in self._made:
            await self._pool.fetchval(SQL.make_series_day, _kind(level), day_ms)
            self._made.add((level, day_ms))
        return True

    async def _drop_old(self, level: Level) -> None:
        oldest_ms = self._oldest_ms(level)
        self._made = {(of, day) for of, day in self._made if of is not level or day >= oldest_ms}
        try:
            while await self._pool.fetchval(SQL.drop_series_day, _kind(level), oldest_ms):
                get_logger().info("series.day_dropped", level=_kind(level))
        except asyncpg.LockNotAvailableError:
            # Somebody reads old days just now; there is another look in an hour.
            get_logger().info("series.day_in_use", level=_kind(level))

    def _oldest_ms(self, level: Level) -> int:
        today_ms = self._clock.now_ms() // DAY_MS * DAY_MS
        return today_ms - self._kept_days[level] * DAY_MS


def _kind(level: Level) -> str:
    return level.name.lower()
