"""The ledger in Postgres: streams, their gaps, and the events that tell of them."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import asyncpg
from hexi_kit.db.queries import load
from hexi_kit.db.unit_of_work import UnitOfWork
from hexi_kit.errors import HexiError
from hexi_kit.tracing import current_traceparent

from hexi_telemetry.domain.arrival import Decided
from hexi_telemetry.domain.keys import KeyRing, StatedKey
from hexi_telemetry.domain.stream import Stream, StreamKey
from hexi_telemetry.wire.events import gap_event, suspicion_event
from hexi_telemetry.wire.keys import key_event

SQL = load("hexi_telemetry.store", "queries.sql")


class LedgerConflict(HexiError):
    """Somebody else decided numbers of this stream; only one process may."""


class PostgresStreams:
    """One row a stream; a commit follows the row it was computed from, or raises."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

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
            {entry["sequence"]: entry["digest"] for entry in ahead},
            keys=KeyRing(tuple(StatedKey(*one) for one in keys)),
        )

    async def commit(self, decided: Decided, now_ms: int) -> None:
        stream = decided.stream
        async with UnitOfWork(self._pool) as uow:
            saved = await uow.connection.fetchval(
                SQL.save_stream,
                *stream.key,
                stream.decided_through,
                stream.head,
                stream.accepted,
                stream.refused,
                stream.missing,
                stream.last_observed_at_ms,
                decided.was_decided_through,
            )
            if saved is None:
                was = decided.was_decided_through
                raise LedgerConflict(f"{stream.key}: expected decided through {was}, was another")
            if decided.gaps:
                await uow.connection.execute(SQL.add_gaps, *_columns(decided), now_ms)
            # Never the head of a partition's log: rows here are from before a crash.
            await uow.connection.execute(SQL.forget_ahead, *stream.key, stream.decided_through)
            trace = current_traceparent()
            if decided.stated is not None:
                await _save_keys(uow, stream)
                uow.publish(key_event(stream.key, decided.stated, trace))
            uow.publish(*(gap_event(key, gap, now_ms, trace) for key, gap in decided.gaps))
            uow.publish(*(suspicion_event(one, now_ms, trace) for one in decided.suspicions))


async def _save_keys(uow: UnitOfWork, stream: Stream) -> None:
    """Few rows and rarely: all of them anew."""
    await uow.connection.execute(SQL.forget_keys, *stream.key)
    rows = [(*stream.key, *astuple(key)) for key in stream.keys]
    await uow.connection.executemany(SQL.add_key, rows)


def _columns(decided: Decided) -> list[list[Any]]:
    rows = [(*key, gap.first, gap.last, gap.cause.value) for key, gap in decided.gaps]
    return [list(column) for column in zip(*rows, strict=True)]
