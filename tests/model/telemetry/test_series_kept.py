"""Goal: what QuerySeries answers is what a person with all accepted frames would compute, whatever
is lost, late, read again or cut off by a crash. Method: the real store on Postgres beside numpy
over the frames themselves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import numpy as np
import pytest
from hexi_kit.db.migrate import migrate
from hexi_kit.db.pool import open_pool
from hexi_kit.testing.clock import ManualClock
from hexi_telemetry.domain.facts import ServerSetFacts, SiteFacts
from hexi_telemetry.domain.frame import Frame, Metric
from hexi_telemetry.domain.points import Grid, Points
from hexi_telemetry.domain.series import MINUTE_MS, Level, minute_of, resolution
from hexi_telemetry.handlers.look import answer
from hexi_telemetry.handlers.series import Series
from hexi_telemetry.handlers.sites import KnownSites
from hexi_telemetry.ports.series import Scope
from hexi_telemetry.store.days import SeriesDays
from hexi_telemetry.store.series import PostgresSeries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.integration
START_MS = 1_800_000_000_000 // MINUTE_MS * MINUTE_MS
SITES = ("lanzhou", "qingyang")
PARTITION = 3
KEPT_DAYS = {Level.SITE: 9, Level.RACK: 9, Level.SERVER: 9}
# Racks of uneven size, one of them empty; the second set has grown, and one server has moved.
SETS = {
    1: ServerSetFacts("", 1, ("a", "b", "empty"), (0, 1, 0, 1, 1)),
    2: ServerSetFacts("", 2, ("b", "a", "c"), (1, 0, 1, 1, 0, 2, 2)),
}
METRICS = (Metric.POWER_W, Metric.CPU_UTILISATION, Metric.NETWORK_RX_BYTES_PER_S)
LARGEST = {Metric.POWER_W: 3_000, Metric.CPU_UTILISATION: 1, Metric.NETWORK_RX_BYTES_PER_S: 1e11}
EMPTY = "TRUNCATE series, server_set, inbox"


def server_set(site_id: str, revision: int) -> ServerSetFacts:
    known = SETS[revision]
    return ServerSetFacts(site_id, revision, known.racks, known.rack_index)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    revision = draw(st.sampled_from([1, 2]))
    servers = len(SETS[revision].rack_index)
    first = draw(st.integers(0, servers - 1))
    count = draw(st.integers(1, servers - first))
    columns = {}
    for metric in draw(st.sets(st.sampled_from(METRICS), min_size=1)):
        share = st.one_of(st.floats(0, 1, width=32), st.just(float("nan")))
        values = draw(st.lists(share, min_size=count, max_size=count))
        columns[metric] = (np.array(values) * LARGEST[metric]).astype(np.float32)
    good = draw(st.none() | st.lists(st.booleans(), min_size=count, max_size=count))
    return Frame(
        site_id=draw(st.sampled_from(SITES)),
        agent_id="1",
        epoch=1,
        sequence=1,
        revision=revision,
        observed_at_ms=START_MS + draw(st.integers(1, 300)) * 1_000,
        period_ms=draw(st.sampled_from([1_000, 10_000, 900_000])),
        first_server=first,
        count=count,
        columns=columns,
        good=None if good is None else np.array(good),
        facility_energy_ws=0,
        it_energy_ws=0,
        previous_digest=b"",
        digest=b"",
    )


@dataclass
class Telemetry:
    """A process that reads a log; `crash` forgets all but the log and the database."""

    pool: asyncpg.Pool[Any]
    known: KnownSites
    clock: ManualClock = field(default_factory=lambda: ManualClock(START_MS + 400_000))
    log: list[Frame] = field(default_factory=list)
    read: int = 0

    async def start(self) -> None:
        self.store = PostgresSeries(self.pool, SeriesDays(self.pool, self.clock, KEPT_DAYS))
        self.series = Series(self.store, self.known, self.clock)
        await self.series.remember()
        self.read = self.series.mark_of(PARTITION)
        await self.catch_up()

    async def catch_up(self) -> None:
        for offset in range(self.read, len(self.log)):
            await self.series.hear(PARTITION, offset, self.log[offset])
        self.read = len(self.log)

    async def do(self, step: Frame | str) -> None:
        match step:
            case Frame():
                self.log.append(step)
                await self.catch_up()
            case "later":
                self.clock.advance(45_000)
                await self.series.keep_ripe()
            case "again":
                self.read = max(0, self.read - 5)
                await self.catch_up()
            case "crash":
                await self.start()


STEPS = st.lists(frames() | st.sampled_from(["later", "later", "again", "crash"]), max_size=14)
SCOPES = [(site, *unit) for site in SITES for unit in [("", None), ("a", None), ("b", None),
          ("c", None), ("a", 0), ("b", 1), ("b", 4), ("c", 6)]]  # fmt: skip


@given(steps=STEPS, step_minutes=st.integers(1, 4), scope=st.sampled_from(SCOPES))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def check(runner: asyncio.Runner, pool: Any, steps: list, step_minutes: int, scope: tuple) -> None:
    runner.run(compare(pool, steps, step_minutes, Scope(*scope)))


def test_answers_are_what_the_frames_say(postgres: Any, database: str) -> None:
    with asyncio.Runner() as runner:
        pool = runner.run(open_pool(postgres.dsn("telemetry", database), "telemetry"))
        runner.run(migrate(pool, "hexi_telemetry.store.migrations", "telemetry"))
        check(runner, pool)
        late = [frame_at(250), frame_at(30), "later", frame_at(40), "crash", frame_at(50), "crash"]
        runner.run(compare(pool, late, 1, Scope("lanzhou")))
        runner.run(pool.close())


def frame_at(second: int) -> Frame:
    """All servers of the first set."""
    power = np.full(5, 100.0 + second, np.float32)
    columns = {Metric.POWER_W: power}
    observed_at_ms = START_MS + second * 1_000
    return Frame(
        "lanzhou", "1", 1, 1, 1, observed_at_ms, 10_000, 0, 5, columns, None, 0, 0, b"", b""
    )


async def compare(pool: Any, steps: list, step_minutes: int, scope: Scope) -> None:
    await pool.execute(EMPTY)
    known = KnownSites()
    for site_id in SITES:
        sets = [server_set(site_id, revision) for revision in SETS]
        await known.hear([SiteFacts(site_id, True, frozenset())], sets)
        rows = [(site_id, s.revision, list(s.racks), list(s.rack_index)) for s in sets]
        await pool.executemany("INSERT INTO server_set VALUES ($1, $2, $3, $4)", rows)
    telemetry = Telemetry(pool, known)
    await telemetry.start()
    for step in steps:
        await telemetry.do(step)
    await telemetry.series.keep_all()
    grid = Grid(START_MS, START_MS + 6 * MINUTE_MS, step_minutes * MINUTE_MS)
    for metric in METRICS:
        said = await answer(telemetry.store, scope, metric, grid)
        agree(said, scope, metric, grid, telemetry.log)


def members(scope: Scope, revision: int) -> list[int]:
    """The servers of a scope, by hand."""
    racks, index = SETS[revision].racks, SETS[revision].rack_index
    if scope.server is not None:
        fits = scope.server < len(index) and racks[index[scope.server]] == scope.rack
        return [scope.server] if fits else []
    return [n for n, rack in enumerate(index) if scope.rack in ("", racks[rack])]


def agree(said: Points, scope: Scope, metric: Metric, grid: Grid, log: list[Frame]) -> None:
    """Point by point against all readings of the frames."""
    step = resolution(metric, scope.level)
    for point in range(grid.points):
        start_ms = grid.from_ms + point * grid.step_ms
        end_ms = min(start_ms + grid.step_ms, grid.to_ms)
        readings: list[tuple[float, int]] = []
        servers = 0
        for frame in log:
            inside = start_ms <= minute_of(frame.observed_at_ms) < end_ms
            if frame.site_id != scope.site_id or not inside or metric not in frame.columns:
                continue
            wanted = members(scope, frame.revision)
            servers = max(servers, len(wanted))
            for place, value in enumerate(frame.columns[metric].tolist()):
                is_good = frame.good is None or bool(frame.good[place])
                if is_good and np.isfinite(value) and frame.first_server + place in wanted:
                    readings.append((value, frame.period_ms))
        assert said.servers[point] == servers
        covered_ms = sum(period_ms for _, period_ms in readings)
        share = min(1.0, covered_ms / max(1, servers * (end_ms - start_ms)))
        assert said.coverage_ppm[point] == int(share * 1_000_000)
        if not readings:
            assert (said.mean[point], said.low[point], said.high[point]) == (0, 0, 0)
            continue
        mean = sum(value * period_ms for value, period_ms in readings) / covered_ms
        near = step / 2 + 1e-9 * mean
        assert abs(said.mean[point] - mean) <= near
        assert abs(said.low[point] - min(value for value, _ in readings)) <= near
        assert abs(said.high[point] - max(value for value, _ in readings)) <= near
