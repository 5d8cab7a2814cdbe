"""Watermarks: how far each consumed partition is in the database."""

from __future__ import annotations

from typing import Any

import asyncpg

from hexi_kit.kafka.ports import Marks

NEXT_OFFSET = "SELECT next_offset FROM inbox WHERE topic = $1 AND partition = $2"
# Never backwards: a late commit of an old owner must not make records come again.
ADVANCE = """
INSERT INTO inbox (topic, partition, next_offset) VALUES ($1, $2, $3)
ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset
WHERE inbox.next_offset < excluded.next_offset
"""


def marks_of(pool: asyncpg.Pool[Any]) -> Marks:
    """What a ConsumerGroup asks for when partitions are assigned to it."""

    async def marks(topic: str, partition: int) -> int | None:
        found: int | None = await pool.fetchval(NEXT_OFFSET, topic, partition)
        return found

    return marks
