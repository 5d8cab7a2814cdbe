"""The ledger in Postgres: streams, their gaps, and the events that tell of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple
from typing import Any

import asyncpg
from hexi_kit.db.queries import load
from hexi_kit.db.unit_of_work import UnitOfWork
from hexi_kit.errors import HexiError
from hexi_kit.together import Together
from hexi_kit.tracing import current_traceparent

from hexi_telemetry.domain.arrival import Decided
from hexi_telemetry.domain.keys import KeyRing, StatedKey
from hexi_telemetry.domain.silence import Beat, unpacked
from hexi_telemetry.domain.stream import Ahead, Gap, Stream, StreamKey
from hexi_telemetry.wire.events import gap_event, suspicion_event
from hexi_telemetry.wire.keys import key_event

# Decided, when, and the trace of whoever sent it.
Change = tuple[Decided, int, str]
STREAMS_MAX = 256
SQL = load("hexi_telemetry.store", "queries.sql")


class LedgerConflict(HexiError):
    """Somebody else decided numbers of this stream; only one process may."""


class PostgresStreams:
    """One row a stream; a commit follows the row it was computed from, or raises.

    Many streams share a transaction: a process that failed to write one starts again for all.
    """

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool
        self._together = Together(self._write, STREAMS_MAX)

    async def newest(self, site_id: str, agent_id: str) -> Stream | None:
        row = await self._pool.fetchrow(SQL.newest_stream, site_id, agent_id)
        if row is None:
            return None
        key = StreamKey(site_id, agent_id, row["epoch"])
        ahead = await self._pool.fetch(SQL.ahead_of_stream, *key, row["decided_through"])
        keys = await self._pool.fetch(SQL.keys_of_stream, *key)
        return Stream(
            key,
            row["decided_through"],
            row["head"],
            row["accepted"],
            row["refused"],
            row["missing"],
            row["last_observed_at_ms"],
            {sequence: Ahead(digest, Beat(*beat)) for sequence, digest, *beat in ahead},
            keys=KeyRing(tuple(StatedKey(*one) for one in keys)),
            silence=unpacked(row["silence"]),
        )

    async def commit(self, decided: Decided, now_ms: int) -> None:
        await self._together.add((decided, now_ms, current_traceparent()))

    async def _write(self, batch: Sequence[Change]) -> None:
        """Streams of one batch are never the same: each is decided in one place."""
        async with UnitOfWork(self._pool) as uow:
            saved = await uow.connection.fetchval(
                SQL.save_streams, *_columns(_row(decided) for decided, _, _ in batch)
            )
            if saved != len(batch):
                streams = [str(decided.stream.key) for decided, _, _ in batch]
                raise LedgerConflict(f"expected {streams} as they were read, was another")
            gaps = [_gap(key, gap, now) for decided, now, _ in batch for key, gap in decided.gaps]
            if gaps:
                await uow.connection.execute(SQL.add_gaps, *_columns(gaps))
            for decided, now_ms, trace in batch:
                if decided.stated is not None:
                    await _save_keys(uow, decided.stream)
                    uow.publish(key_event(decided.stream.key, decided.stated, trace))
                uow.publish(*(gap_event(key, gap, now_ms, trace) for key, gap in decided.gaps))
                told = (suspicion_event(one, now_ms, trace) for one in decided.suspicions)
                uow.publish(*told)


async def _save_keys(uow: UnitOfWork, stream: Stream) -> None:
    """Few rows and rarely: all of them anew."""
    await uow.connection.execute(SQL.forget_keys, *stream.key)
    rows = [(*stream.key, *astuple(key)) for key in stream.keys]
    await uow.connection.executemany(SQL.add_key, rows)


def _row(decided: Decided) -> tuple[Any, ...]:
    stream = decided.stream
    counts = (stream.accepted, stream.refused, stream.missing, stream.last_observed_at_ms)
    through = (stream.decided_through, decided.was_decided_through)
    return (*stream.key, *through, stream.head, *counts, stream.silence.packed())


def _gap(key: StreamKey, gap: Gap, now_ms: int) -> tuple[Any, ...]:
    times = (now_ms, gap.from_ms, gap.to_ms)
    return (*key, gap.first, gap.last, gap.cause.value, *times)


def _columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
