"""One transaction: effects, watermarks and outgoing events commit together or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Literal, Self

import asyncpg

from hexi_kit.db.inbox import ADVANCE, NEXT_OFFSET
from hexi_kit.db.outbox import INSERT, NOTIFY
from hexi_kit.kafka.codec import encode
from hexi_kit.kafka.record import Outgoing, Record
from hexi_kit.metrics import counter

Isolation = Literal["read_committed", "repeatable_read", "serializable"]


class UnitOfWork:
    """`async with UnitOfWork(pool) as uow`: leaving well commits, leaving by an error undoes.

    Events wait in memory until the end, so that their rows stand in one statement and in order.
    """

    def __init__(self, pool: asyncpg.Pool[Any], isolation: Isolation | None = None) -> None:
        self._pool, self._isolation = pool, isolation
        self._outgoing: list[Outgoing] = []
        self._marks: dict[tuple[str, int], int] = {}

    async def __aenter__(self) -> Self:
        self.connection: Any = await self._pool.acquire()
        self._transaction = self.connection.transaction(isolation=self._isolation)
        await self._transaction.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is not None:
                await self._transaction.rollback()
                return
            try:
                await self._write()
            except BaseException:
                await self._transaction.rollback()
                raise
            await self._transaction.commit()
            counter("db.transactions").add(1)
        finally:
            await self._pool.release(self.connection)

    def publish(self, *events: Outgoing) -> None:
        """Events leave after the commit, in this order."""
        self._outgoing.extend(events)

    def mark(self, topic: str, partition: int, next_offset: int) -> None:
        """Everything of (topic, partition) below `next_offset` is in this transaction or before."""
        self._marks[topic, partition] = next_offset

    def mark_done(self, records: Sequence[Record]) -> None:
        """Mark a batch, each partition's records in order."""
        for record in records:
            self.mark(record.topic, record.partition, record.offset + 1)

    async def fresh(self, records: Sequence[Record]) -> list[Record]:
        """Those of a batch of one partition that no committed transaction has seen."""
        first = records[0]
        mark = await self.connection.fetchval(NEXT_OFFSET, first.topic, first.partition)
        return [record for record in records if mark is None or record.offset >= mark]

    async def _write(self) -> None:
        if self._marks:
            rows = [(*place, offset) for place, offset in sorted(self._marks.items())]
            await self.connection.executemany(ADVANCE, rows)
        if self._outgoing:
            events = self._outgoing
            await self.connection.execute(
                INSERT,
                [event.topic.name for event in events],
                [event.key for event in events],
                [event.partition for event in events],
                [event.event_id for event in events],
                [event.traceparent for event in events],
                [encode(event.message) for event in events],
            )
            await self.connection.execute(NOTIFY)
