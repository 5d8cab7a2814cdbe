"""The relay: rows of the outbox become records, in the order of their ids."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import asyncpg
from hexi_contracts import topics as topics_module
from hexi_contracts.topic import Topic

from hexi_kit.kafka.ports import Publisher
from hexi_kit.kafka.record import Outgoing
from hexi_kit.metrics import gauge
from hexi_kit.testing import faults

ROWS_MAX = 500
# Notifications wake the relay; this is how long a lost one can delay it.
IDLE_POLL_S = 5.0
# Two relays of one schema would publish out of order. The lock dies with its connection.
LOCK = "SELECT pg_try_advisory_lock(hashtext('outbox'), hashtext(current_schema()))"
UNLOCK = "SELECT pg_advisory_unlock(hashtext('outbox'), hashtext(current_schema()))"
LOCK_RETRY_S = 1.0

# Named by schema: services of one database must not wake each other.
CHANNEL = "SELECT 'outbox_' || current_schema()"
NOTIFY = "SELECT pg_notify('outbox_' || current_schema(), '')"

# Ids are given before the commit, so a smaller id may become visible later than a larger one.
# The table lock makes writers of the outbox take turns: id order is commit order.
INSERT = """
WITH turn AS (SELECT pg_advisory_xact_lock(hashtext('outbox-turn'), hashtext(current_schema())))
INSERT INTO outbox (topic, key, partition, event_id, traceparent, value)
SELECT event.topic, event.key, event.partition, event.event_id, event.traceparent, event.value
FROM turn, unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::bytea[])
    WITH ORDINALITY AS event (topic, key, partition, event_id, traceparent, value, place)
ORDER BY event.place
"""
NEXT_ROWS = """
SELECT id, topic, key, partition, event_id, traceparent, value
FROM outbox ORDER BY id LIMIT $1
"""
DELETE = "DELETE FROM outbox WHERE id = ANY($1::bigint[])"


class OutboxRelay:
    """One relay of a schema publishes; others wait for its lock. At least once, in order."""

    def __init__(
        self,
        pool: asyncpg.Pool[Any],
        producer: Publisher,
        *,
        topics: Mapping[str, Topic] | None = None,
    ) -> None:
        self._pool, self._producer = pool, producer
        self._topics = declared_topics() if topics is None else topics
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Publish until cancelled. A lost database or broker raises and ends the process."""
        async with self._pool.acquire() as connection:
            while not await connection.fetchval(LOCK):
                await self._wait(LOCK_RETRY_S)
            channel = await connection.fetchval(CHANNEL)
            await connection.add_listener(channel, self._on_notify)
            try:
                while True:
                    self._wake.clear()
                    if not await self.relay_once(connection):
                        await self._wait(IDLE_POLL_S)
            finally:
                await connection.remove_listener(channel, self._on_notify)
                await connection.execute(UNLOCK)

    async def relay_once(self, connection: Any) -> int:
        """Publish the oldest rows; how many."""
        rows = await connection.fetch(NEXT_ROWS, ROWS_MAX)
        gauge("db.outbox_waiting").set(len(rows))
        if rows:
            await self._producer.send_all([self._event(row) for row in rows])
            faults.point("outbox.after_publish")
            await connection.execute(DELETE, [row["id"] for row in rows])
        return len(rows)

    def _on_notify(self, *_: object) -> None:
        self._wake.set()

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    def _event(self, row: Any) -> Outgoing:
        topic = self._topics[row["topic"]]
        return Outgoing(
            topic,
            row["key"],
            row["value"],
            row["event_id"],
            row["partition"],
            row["traceparent"],
        )


def declared_topics() -> dict[str, Topic]:
    """Every topic of the contracts by name."""
    return {topic.name: topic for topic in vars(topics_module).values() if isinstance(topic, Topic)}
