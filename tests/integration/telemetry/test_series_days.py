"""Goal: a day's table is there before its first minute and gone when its days are over, and a
section is read without the rest. Method: the real database, a clock moved by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import numpy as np
import pytest
from hexi_kit.db.migrate import migrate
from hexi_kit.db.pool import open_pool
from hexi_kit.testing.clock import ManualClock
from hexi_telemetry.domain.frame import Metric
from hexi_telemetry.domain.minute import Levels
from hexi_telemetry.domain.points import Grid
from hexi_telemetry.domain.series import DAY_MS, MINUTE_MS, Level, Summary
from hexi_telemetry.handlers.look import answer
from hexi_telemetry.ports.series import ClosedMinute, MinuteKey, Scope
from hexi_telemetry.store.days import SeriesDays
from hexi_telemetry.store.sections import SECTION_UNITS
from hexi_telemetry.store.series import PostgresSeries

pytestmark = pytest.mark.integration
START_MS = 1_800_000_000_000 // DAY_MS * DAY_MS
KEPT_DAYS = {Level.SITE: 5, Level.RACK: 3, Level.SERVER: 1}
SERVERS = 600
RACKS = ["r1", "r2"]


@pytest.fixture
async def pool(postgres: Any, database: str) -> AsyncIterator[asyncpg.Pool[Any]]:
    made = await open_pool(postgres.dsn("telemetry", database), "telemetry")
    await migrate(made, "hexi_telemetry.store.migrations", "telemetry")
    index = [server % 2 for server in range(SERVERS)]
    await made.execute("INSERT INTO server_set VALUES ('lanzhou', 1, $1, $2)", RACKS, index)
    yield made
    await made.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_MS)


def levels() -> Levels:
    """Unit n draws n watts, and is as hot as its number's last digit; 256 to 511 were not heard."""
    found: Levels = {}
    for level, units in ((Level.SITE, 1), (Level.RACK, 2), (Level.SERVER, SERVERS)):
        number = np.arange(units)
        watts, heard = number.astype(np.float64), np.where(number // 256 == 1, 0, MINUTE_MS)
        found[level] = {
            Metric.POWER_W: Summary(heard, watts, watts - 1, watts + 2),
            Metric.INLET_TEMPERATURE_C: Summary(heard, watts % 10, watts % 10, watts % 10),
        }
    return found


def closed(start_ms: int) -> ClosedMinute:
    return ClosedMinute(MinuteKey("lanzhou", start_ms, 1), 3, 7, levels())


async def tables(pool: asyncpg.Pool[Any]) -> dict[str, int]:
    """How many days there are a level."""
    rows = await pool.fetch("SELECT relname FROM pg_class WHERE relname ~ '^series_.*[0-9]{8}$'")
    names = [row["relname"].split("_")[1] for row in rows]
    return {name: names.count(name) for name in sorted(set(names))}


async def test_every_section_gives_its_servers_back(
    pool: asyncpg.Pool[Any], clock: ManualClock
) -> None:
    store = PostgresSeries(pool, SeriesDays(pool, clock, KEPT_DAYS))
    await store.save([closed(START_MS)])
    grid = Grid(START_MS, START_MS + MINUTE_MS, MINUTE_MS)

    for server in (0, 255, 512, 599):
        scope = Scope("lanzhou", RACKS[server % 2], server)
        power = await answer(store, scope, Metric.POWER_W, grid)
        heat = await answer(store, scope, Metric.INLET_TEMPERATURE_C, grid)
        never = await answer(store, scope, Metric.CPU_UTILISATION, grid)

        said = (power.mean[0], power.low[0], power.high[0])
        assert said == pytest.approx((server, server - 1, server + 2))
        assert heat.mean[0] == pytest.approx(server % 10)
        assert never.coverage_ppm[0] == 0
    unheard = await answer(store, Scope("lanzhou", "r1", 300), Metric.POWER_W, grid)
    assert (unheard.coverage_ppm[0], unheard.mean[0], unheard.servers[0]) == (0, 0, 1)


async def test_blocks_of_other_sections_are_read_too(
    pool: asyncpg.Pool[Any], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they may have been written before."""
    store = PostgresSeries(pool, SeriesDays(pool, clock, KEPT_DAYS))
    await store.save([closed(START_MS)])
    monkeypatch.setitem(SECTION_UNITS, Level.SERVER, 64)
    await store.save([closed(START_MS + MINUTE_MS)])
    grid = Grid(START_MS, START_MS + 2 * MINUTE_MS, MINUTE_MS)

    power = await answer(store, Scope("lanzhou", "r2", 597), Metric.POWER_W, grid)

    assert power.mean.tolist() == [597, 597] and power.revision.tolist() == [1, 1]


async def test_tables_are_made_ahead_and_dropped_when_their_days_are_over(
    pool: asyncpg.Pool[Any], clock: ManualClock
) -> None:
    days = SeriesDays(pool, clock, KEPT_DAYS)
    store = PostgresSeries(pool, days)
    await days.tidy()
    assert await tables(pool) == {"rack": 3, "server": 3, "site": 3}

    for day in range(8):
        await store.save([closed(START_MS + day * DAY_MS)])
        clock.advance(DAY_MS)
    await days.tidy()

    # Today, two days ahead, and as many behind as are kept.
    assert await tables(pool) == {"rack": 6, "server": 4, "site": 8}
    await days.tidy()
    assert await tables(pool) == {"rack": 6, "server": 4, "site": 8}


async def test_a_minute_whose_days_are_over_is_not_written(
    pool: asyncpg.Pool[Any], clock: ManualClock
) -> None:
    store = PostgresSeries(pool, SeriesDays(pool, clock, KEPT_DAYS))

    await store.save([closed(START_MS - 2 * DAY_MS)])

    kept = await pool.fetch("SELECT level FROM series ORDER BY level")
    assert [row["level"] for row in kept] == [Level.SITE, Level.RACK]


async def test_a_day_somebody_reads_is_dropped_later_and_holds_up_nobody(
    pool: asyncpg.Pool[Any], clock: ManualClock
) -> None:
    days = SeriesDays(pool, clock, KEPT_DAYS)
    store = PostgresSeries(pool, days)
    await store.save([closed(START_MS)])
    clock.advance(9 * DAY_MS)

    async with pool.acquire() as reader, reader.transaction():
        await reader.fetch("SELECT start_ms FROM series")
        await days.tidy()
        await store.save([closed(START_MS + 9 * DAY_MS)])
    assert await pool.fetchval("SELECT count(*) FROM series WHERE start_ms = $1", START_MS) == 3
    await days.tidy()

    assert await pool.fetchval("SELECT count(*) FROM series WHERE start_ms = $1", START_MS) == 0


async def test_a_part_written_twice_is_there_once(
    pool: asyncpg.Pool[Any], clock: ManualClock
) -> None:
    store = PostgresSeries(pool, SeriesDays(pool, clock, KEPT_DAYS))

    await store.save([closed(START_MS)])
    await store.save([closed(START_MS)])

    assert await pool.fetchval("SELECT count(*) FROM series") == 3
