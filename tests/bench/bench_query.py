"""A day of a site of 10,000 servers: how fast it is kept, what it costs, how fast it answers."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from hexi.telemetry.v1 import series_service_pb2 as rpc
from hexi.telemetry.v1.series_service_pb2_grpc import (
    SeriesServiceStub,
    add_SeriesServiceServicer_to_server,
)
from hexi_kit.clock import SystemClock
from hexi_kit.db.migrate import migrate
from hexi_kit.db.pool import open_pool
from hexi_kit.identity import Principal
from hexi_kit.testing.clock import ManualClock
from hexi_kit.testing.pki import Pki
from hexi_kit.testing.rpc import serve
from hexi_local.postgres import EmbeddedPostgres
from hexi_telemetry.api.series import SeriesNeeds, SeriesServicer
from hexi_telemetry.domain.facts import ServerSetFacts, SiteFacts
from hexi_telemetry.domain.frame import Frame, Metric
from hexi_telemetry.domain.live import Live
from hexi_telemetry.domain.series import DAY_MS, MINUTE_MS, Level
from hexi_telemetry.handlers.look import Board
from hexi_telemetry.handlers.series import Series
from hexi_telemetry.handlers.sites import KnownSites
from hexi_telemetry.store.days import SeriesDays
from hexi_telemetry.store.series import PostgresSeries

from tests.bench.figures import percentile, show

SITE, SERVERS, RACKS, RANGE = "lanzhou", 10_000, 400, 5_000
PERIOD_MS = 10_000
START_MS = 1_800_000_000_000 // DAY_MS * DAY_MS
# Level and noise of a busy fleet: watts, degrees, shares, bytes a second.
METRICS = {
    Metric.POWER_W: (450.0, 6.0),
    Metric.INLET_TEMPERATURE_C: (24.0, 0.2),
    Metric.CPU_UTILISATION: (0.4, 0.03),
    Metric.MEMORY_UTILISATION: (0.6, 0.005),
    Metric.ACCELERATOR_UTILISATION: (0.7, 0.02),
    Metric.ACCELERATOR_TEMPERATURE_C: (61.0, 0.5),
    Metric.NETWORK_RX_BYTES_PER_S: (4e7, 3e6),
    Metric.NETWORK_TX_BYTES_PER_S: (3e7, 3e6),
}
VARIANTS = 48
SCOPES: dict[str, dict[str, object]] = {
    "site": {},
    "rack": {"rack": "r7"},
    "server": {"server": 4321},
}


class Fleet:
    """Frames of ten seconds each; the noise repeats, for to make it anew would cost too much."""

    def __init__(self) -> None:
        random = np.random.default_rng(5)
        self._said = []
        own = {metric: random.uniform(0.5, 1.5, SERVERS) for metric in METRICS}
        for _ in range(VARIANTS):
            columns = {}
            for metric, (level, noise) in METRICS.items():
                values = own[metric] * level + random.normal(0, noise, SERVERS)
                columns[metric] = np.maximum(values, 0).astype(np.float32)
            self._said.append(columns)

    def frames(self, tick: int) -> list[Frame]:
        at_ms = START_MS + (tick + 1) * PERIOD_MS
        said = self._said[(tick * 7 + tick // 360) % VARIANTS]
        found = []
        for first in range(0, SERVERS, RANGE):
            columns = {metric: values[first : first + RANGE] for metric, values in said.items()}
            place = (1, at_ms, PERIOD_MS, first, RANGE)
            found.append(Frame(SITE, "1", 1, tick + 1, *place, columns, None, 0, 0, b"", b""))
        return found


async def fill(series: Series, clock: ManualClock, minutes: int) -> None:
    """A day through the real path, faster than a day."""
    fleet, offset = Fleet(), 0
    began_s, busy_s, heard_s = time.perf_counter(), time.process_time(), 0.0
    for minute in range(minutes):
        for tick in range(minute * 6, minute * 6 + 6):
            made = fleet.frames(tick)
            before_s = time.process_time()
            for frame in made:
                await series.hear(0, offset, frame)
                offset += 1
            heard_s += time.process_time() - before_s
        clock.advance(MINUTE_MS)
        await series.keep_ripe()
    await series.keep_all()
    elapsed_s, busy_s = time.perf_counter() - began_s, time.process_time() - busy_s
    show("query.fill_times_real_time", minutes * 60 / elapsed_s, "1")
    show("query.hear_ms_per_frame", heard_s * 1_000 / offset, "ms", servers=RANGE, metrics=8)
    cores = busy_s / (minutes * 60) * 1_000_000 / SERVERS
    show("query.cores_at_1m_servers", cores, "cores", hear_cores=round(cores * heard_s / busy_s, 4))


async def sizes(pool, minutes: int) -> None:
    for level in Level:
        query = "SELECT sum(pg_column_size(data)) FROM series WHERE level = $1"
        stored = await pool.fetchval(query, int(level))
        day_bytes = stored * 1_440 // minutes
        show(f"query.{level.name.lower()}_bytes_per_day", day_bytes, "By", servers=SERVERS)


async def ask(channel, count: int, minutes: int) -> None:
    stub, clock = SeriesServiceStub(channel), SystemClock()
    for name, scope in SCOPES.items():
        waits_ms, points = [], 0
        for number in range(count):
            request = rpc.QuerySeriesRequest(
                site_id=SITE,
                metric=list(METRICS)[number % len(METRICS)],
                from_ms=START_MS,
                to_ms=START_MS + minutes * MINUTE_MS,
                step_ms=MINUTE_MS,
                **scope,
            )
            began_s = clock.real_monotonic_s()
            found = (await stub.QuerySeries(request)).series
            waits_ms.append((clock.real_monotonic_s() - began_s) * 1_000)
            points = len(found.mean)
            assert min(found.coverage_ppm) == 1_000_000
        show(f"query.{name}_p50", percentile(waits_ms, 50), "ms", points=points)
        show(f"query.{name}_p99", percentile(waits_ms, 99), "ms", points=points)


@asynccontextmanager
async def database() -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        postgres = EmbeddedPostgres(Path(folder), ("telemetry",))
        await postgres.start()
        try:
            await postgres.prepare("bench")
            yield postgres.dsn("telemetry", "bench")
        finally:
            await postgres.stop()


async def run(minutes: int, count: int) -> None:
    async with database() as dsn:
        pool = await open_pool(dsn, "telemetry")
        await migrate(pool, "hexi_telemetry.store.migrations", "telemetry")
        known, clock = KnownSites(), ManualClock(START_MS)
        index = tuple(server * RACKS // SERVERS for server in range(SERVERS))
        server_set = ServerSetFacts(SITE, 1, tuple(f"r{n}" for n in range(RACKS)), index)
        await known.hear([SiteFacts(SITE, True, frozenset())], [server_set])
        row = (SITE, 1, list(server_set.racks), list(index))
        await pool.execute("INSERT INTO server_set VALUES ($1, $2, $3, $4)", *row)
        store = PostgresSeries(pool, SeriesDays(pool, clock, dict.fromkeys(Level, 3)))
        await fill(Series(store, known, clock), clock, minutes)
        await sizes(pool, minutes)
        door = SeriesServicer(SeriesNeeds(store, known, Board(Live(), clock), SystemClock()))
        with tempfile.TemporaryDirectory() as folder:
            registrations = [(add_SeriesServiceServicer_to_server, door)]
            async with serve(registrations, Pki(Path(folder))) as harness:
                channel = await harness.channel(Principal("operator", "1"))
                await ask(channel, count, minutes)
        await pool.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=int, default=1_440)
    parser.add_argument("--count", type=int, default=200)
    told, _ = parser.parse_known_args(sys.argv[1:])
    asyncio.run(run(told.minutes, told.count))
