"""Goal: a restart at any moment forgets no silence and tells of none twice.

Method: ledger and log in a real database; hypothesis plays a stream that is read anew here and
there, beside one that never stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import asyncpg
import numpy as np
import pytest
from hexi_kit.db.migrate import migrate
from hexi_kit.db.pool import open_pool
from hexi_telemetry.domain.arrival import Decided
from hexi_telemetry.domain.frame import Frame, Metric, Reason, Refusal
from hexi_telemetry.domain.stream import Cause, Gap, Stream, StreamKey
from hexi_telemetry.handlers.gather import Gatherer
from hexi_telemetry.handlers.sites import KnownSites
from hexi_telemetry.store.streams import PostgresStreams
from hexi_telemetry.store.windows import PostgresWindows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.integration
PERIOD_MS, START_MS = 10_000, 1_800_000_000_000
WATTS = {Metric.POWER_W: np.array([100.0], np.float32)}
FRAME = Frame("", "1", 1, 1, 1, START_MS, PERIOD_MS, 0, 1, WATTS, None, 0, 0, b"", b"")
ASLEEP, LOST, REFUSED, HEARD = "asleep", "lost", "refused", "heard"
fates = st.sampled_from([ASLEEP, LOST, REFUSED, HEARD, HEARD, HEARD])
STAYS, STOPS, DIES = "stays", "stops", "dies between log and ledger"
ends = st.sampled_from([STAYS, STAYS, STOPS, DIES])
EARLY = Refusal(Reason.CLOCK, "early")


class World:
    """One loop for all plays: a pool belongs to the loop that made it."""

    def __init__(self, dsn: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.pool: asyncpg.Pool[Any] = self.loop.run_until_complete(self._open(dsn))
        self._plays = 0

    async def _open(self, dsn: str) -> asyncpg.Pool[Any]:
        pool = await open_pool(dsn, "telemetry")
        await migrate(pool, "hexi_telemetry.store.migrations", "telemetry")
        return pool

    def play(self) -> Play:
        self._plays += 1
        return Play(self, StreamKey(f"site-{self._plays}", "1", 1))

    def close(self) -> None:
        self.loop.run_until_complete(self.pool.close())
        self.loop.close()


class Play:
    """A stream whose process may end after any frame."""

    def __init__(self, world: World, key: StreamKey) -> None:
        self._run, self._pool = world.loop.run_until_complete, world.pool
        self._store, self._windows = PostgresStreams(self._pool), PostgresWindows(self._pool)
        self._gatherer = Gatherer(KnownSites())
        self.stream = Stream(key)

    def hear(self, frame: Frame, refusal: Refusal | None, end: str) -> list[Gap]:
        was, row = self.stream.decided_through, self.stream.copy()
        gaps = self.stream.settle(frame, refusal)
        is_on_log = refusal is None and len(gaps) == sum(g.cause is Cause.SILENT for g in gaps)
        if end == DIES and is_on_log:
            self._run(self._put_on_log(frame))
            self.stream = row
            gaps = self._read_anew()
        else:
            told = [(self.stream.key, gap) for gap in gaps]
            self._run(self._store.commit(Decided(self.stream, was, gaps=told), START_MS))
            if end == STOPS:
                gaps += self._read_anew()
        return gaps

    async def _put_on_log(self, frame: Frame) -> None:
        async with self._windows.begin() as work:
            await work.add(self._gatherer.gather([frame]))

    def _read_anew(self) -> list[Gap]:
        if not self.stream.decided_through:
            # As a connection begins a stream.
            self._run(self._store.commit(Decided(self.stream, 0), START_MS))
        found = self._run(self._store.newest(self.stream.key.site_id, self.stream.key.agent_id))
        assert found is not None
        was, self.stream = found.decided_through, found
        gaps = found.fold_ahead()
        told = [(found.key, gap) for gap in gaps]
        self._run(self._store.commit(Decided(found, was, gaps=told), START_MS))
        return gaps


@pytest.fixture
def world(postgres: Any, database: str) -> Iterator[World]:
    made = World(postgres.dsn("telemetry", database))
    yield made
    made.close()


def frame(play: Play, sequence: int, beat: int, first_server: int) -> Frame:
    return replace(
        FRAME,
        site_id=play.stream.key.site_id,
        sequence=sequence,
        observed_at_ms=START_MS + beat * PERIOD_MS,
        first_server=first_server,
        digest=f"d{sequence}".encode(),
    )


def test_one_range_slept_while_the_other_went_on_and_the_service_began_anew(world: World) -> None:
    play = world.play()
    for beat in range(3):
        play.hear(frame(play, 2 * beat + 1, beat, 0), None, STAYS)
        play.hear(frame(play, 2 * beat + 2, beat, 1), None, STAYS)
    for beat in range(3, 6):
        play.hear(frame(play, beat + 4, beat, 0), None, STOPS)

    gaps = play.hear(frame(play, 10, 6, 1), None, STAYS)

    span = (START_MS + 2 * PERIOD_MS, START_MS + 5 * PERIOD_MS)
    assert gaps == [Gap(10, 9, Cause.SILENT, *span)]


def test_what_a_refused_number_spoke_of_is_told_once(world: World) -> None:
    play = world.play()
    play.hear(frame(play, 1, 0, 0), None, STAYS)
    refused = play.hear(frame(play, 2, 1, 0), EARLY, STOPS)

    gaps = play.hear(frame(play, 3, 2, 0), None, STAYS)

    assert refused == [Gap(2, 2, Cause.REFUSED)]
    assert gaps == []


def test_a_silence_that_only_the_log_had_heard_of_is_told(world: World) -> None:
    play = world.play()
    play.hear(frame(play, 1, 0, 0), None, STAYS)

    gaps = play.hear(frame(play, 2, 5, 0), None, DIES)

    assert gaps == [Gap(2, 1, Cause.SILENT, START_MS, START_MS + 4 * PERIOD_MS)]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(fates, fates, ends), max_size=12))
def test_who_begins_anew_tells_what_who_never_stopped_tells(
    world: World, played: list[tuple[str, str, str]]
) -> None:
    play = world.play()
    steady, sequence = play.stream.copy(), 0
    for beat, (*of_ranges, end) in enumerate(played):
        for first, fate in enumerate(of_ranges):
            sequence += fate != ASLEEP
            if fate in (ASLEEP, LOST):
                continue
            refusal = EARLY if fate == REFUSED else None
            heard = frame(play, sequence, beat, first)
            assert play.hear(heard, refusal, end) == steady.settle(heard, refusal)
    assert play.stream.silence == steady.silence
