"""Goal: what stands in the end does not hang on the order in which frames came; news are told once.

Method: a day of a site through the real store in shuffled batches, beside one sum over all of it.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import asyncpg
import numpy as np
import pytest
from hexi.telemetry.v1 import telemetry_pb2 as pb
from hexi_kit.db.migrate import migrate
from hexi_kit.db.pool import open_pool
from hexi_telemetry.domain.energy.account import joined, unpacked
from hexi_telemetry.domain.energy.minutes import MINUTE_MS, minute_accounts
from hexi_telemetry.domain.energy.points import united
from hexi_telemetry.domain.energy.window import DAY_MS, HOUR_MS, QUARTER_MS
from hexi_telemetry.domain.facts import ServerSetFacts, SiteFacts
from hexi_telemetry.domain.frame import Frame, Metric
from hexi_telemetry.handlers.sites import KnownSites
from hexi_telemetry.handlers.windows import Windows
from hexi_telemetry.settings import TelemetrySettings
from hexi_telemetry.store import PostgresWindows

pytestmark = pytest.mark.integration

SITE = "lanzhou"
# Where a day begins.
START_MS = int(datetime(2027, 1, 15, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()) * 1_000
PERIOD_MS = 60_000
MINUTES_A_DAY = DAY_MS // PERIOD_MS
FLAT = (500,) * 24
FRAME = Frame(SITE, "1", 1, 1, 1, START_MS, PERIOD_MS, 0, 2, {}, None, 0, 0, b"", b"")


def frames(count: int) -> list[Frame]:
    """From the start of the day, a frame a minute; power goes up and down."""
    made, meter_ws = [], 10**9
    for step in range(count):
        watts = 1_000 + step * 7 % 400
        meter_ws += watts * 60
        made.append(
            replace(
                FRAME,
                sequence=step + 1,
                observed_at_ms=START_MS + (step + 1) * PERIOD_MS,
                columns={Metric.POWER_W: np.full(2, watts / 2, np.float32)},
                facility_energy_ws=meter_ws * 5 // 4,
                it_energy_ws=meter_ws,
            )
        )
    return made


@pytest.fixture
async def pool(postgres, database) -> AsyncIterator[asyncpg.Pool]:
    made = await open_pool(postgres.dsn("telemetry", database), "telemetry")
    await migrate(made, "hexi_telemetry.store.migrations", "telemetry")
    yield made
    await made.close()


async def windows_of_site() -> Windows:
    known = KnownSites()
    site = SiteFacts(SITE, True, frozenset(), carbon_g_per_kwh_by_hour=FLAT)
    await known.hear([site], [ServerSetFacts(SITE, 1, ("r1",), (0, 0))])
    return Windows(known, TelemetrySettings().energy)


async def hear(pool: asyncpg.Pool, windows: Windows, batch: list[Frame]) -> None:
    async with PostgresWindows(pool).begin() as work:
        await windows.add(work, windows.gather(batch))


async def told(pool: asyncpg.Pool, width_ms: int) -> list[pb.RollupClosed]:
    rows = await pool.fetch(
        "SELECT message FROM rollup WHERE width_ms = $1 ORDER BY start_ms", width_ms
    )
    return [pb.RollupClosed.FromString(row["message"]) for row in rows]


async def published(pool: asyncpg.Pool) -> list[tuple[int, int, int]]:
    rows = await pool.fetch("SELECT value FROM outbox ORDER BY id")
    found = [pb.RollupClosed.FromString(row["value"]) for row in rows]
    return [(one.start_ms, one.end_ms, one.revision) for one in found]


async def test_any_order_ends_in_the_same_day(pool) -> None:
    dice, windows = random.Random(7), await windows_of_site()
    sent = [one for one in frames(MINUTES_A_DAY + 90) if dice.random() > 0.05]
    end = sent[-1]
    late = dice.sample(sent[:-1], len(sent) // 10)
    early = [one for one in sent[:-1] if one.sequence not in {each.sequence for each in late}]
    dice.shuffle(early)
    for place in range(0, len(early), 200):
        await hear(pool, windows, early[place : place + 200])
    await hear(pool, windows, [end])
    before = await told(pool, DAY_MS)
    await hear(pool, windows, late[: len(late) // 2])
    await hear(pool, windows, late[len(late) // 2 :])

    [day] = await told(pool, DAY_MS)

    rows = [row for batch in [windows.gather(sent)] for row in batch.points.values()]
    minutes = minute_accounts(united(rows), START_MS, START_MS + DAY_MS, FLAT)
    whole = joined(START_MS, START_MS + DAY_MS, minutes)
    assert day.frames == whole.frames
    assert day.it_energy_ws == whole.it.counted * DAY_MS // whole.it.known_ms
    assert day.coverage_ppm == whole.covered_server_ms * 1_000_000 // whole.expected_server_ms
    hours = await told(pool, HOUR_MS)
    assert sum(hour.frames for hour in hours if hour.end_ms <= day.end_ms) == day.frames
    assert [one.revision < day.revision for one in before] == [True] * len(before)
    events = await published(pool)
    assert len(events) == len(set(events))
    widths = {end_ms - start_ms for start_ms, end_ms, _ in events}
    assert widths == {QUARTER_MS, HOUR_MS, DAY_MS}


async def test_a_meter_that_stood_for_long_and_caught_up_loses_nothing(pool) -> None:
    """Minute after minute, as they come: only the end tells what happened meanwhile."""
    windows, sent = await windows_of_site(), frames(75)
    for place, one in enumerate(sent):
        stood = sent[10].facility_energy_ws if 10 < place < 40 else one.facility_energy_ws
        await hear(pool, windows, [replace(one, facility_energy_ws=stood)])

    [hour] = await told(pool, HOUR_MS)

    assert hour.facility_energy_ws == pytest.approx(hour.it_energy_ws * 5 / 4, rel=2e-3)
    rows = await pool.fetch("SELECT account FROM rollup WHERE width_ms = 60000 ORDER BY start_ms")
    known_ms = [unpacked(0, MINUTE_MS, row["account"]).facility.known_ms for row in rows]
    # The first frame came at the end of the first minute.
    assert known_ms[1:60] == [MINUTE_MS] * 59


async def test_what_is_heard_twice_is_told_once(pool) -> None:
    windows, sent = await windows_of_site(), frames(20)
    await hear(pool, windows, sent)
    first = await published(pool)

    await hear(pool, windows, sent)

    assert first == [(START_MS, START_MS + QUARTER_MS, 1)]
    assert await published(pool) == first


async def test_a_site_that_fell_silent_is_closed_by_the_clock(pool) -> None:
    windows = await windows_of_site()
    await hear(pool, windows, frames(10))

    async with PostgresWindows(pool).begin() as work:
        await windows.close_silent(work, START_MS + HOUR_MS)

    [hour] = await told(pool, HOUR_MS)
    assert (hour.frames, hour.revision) == (10, 1)
    assert hour.coverage_ppm == 10 * 1_000_000 // 60


async def test_minutes_that_nobody_may_restate_are_forgotten_and_hours_are_not(pool) -> None:
    windows = await windows_of_site()
    await hear(pool, windows, frames(200))

    async with PostgresWindows(pool).begin() as work:
        await windows.close_silent(work, START_MS + 100 * DAY_MS)

    assert await told(pool, PERIOD_MS) == []
    assert len(await told(pool, HOUR_MS)) == 4
    assert await pool.fetchval("SELECT count(*) FROM cell") == 0


async def test_meters_below_the_servers_raise_an_alarm_and_no_value(pool) -> None:
    windows = await windows_of_site()
    lying = [replace(one, facility_energy_ws=one.it_energy_ws // 2) for one in frames(20)]

    await hear(pool, windows, lying)

    [quarter] = await told(pool, QUARTER_MS)
    topics = await pool.fetch("SELECT topic FROM outbox ORDER BY id")
    assert not quarter.HasField("pue")
    assert [row["topic"] for row in topics] == ["telemetry.rollup.v1", "security.event.v1"]
