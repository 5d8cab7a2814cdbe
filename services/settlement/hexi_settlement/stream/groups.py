"""One consumer group a topic, each starting where the database says it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import asyncpg
from hexi_kit.db.inbox import marks_of
from hexi_kit.kafka.consumer import ConsumerGroup, ConsumerOptions
from hexi_kit.kafka.ports import Publisher
from hexi_kit.process import Process

from hexi_settlement.stream.consumers import LogReader

BATCH_MAX = 200


def groups(
    process: Process,
    bootstrap: str,
    publisher: Publisher,
    pool: asyncpg.Pool[Any],
    readers: Iterable[LogReader[Any]],
) -> list[ConsumerGroup]:
    """Groups of their own: one topic that waits holds up no other."""
    return [
        ConsumerGroup(
            ConsumerOptions(
                bootstrap,
                process.identity,
                f"settlement.{reader.topic.name}",
                [reader.topic],
                instance_id=f"settlement.{reader.topic.name}-0",
                batch_max=BATCH_MAX,
            ),
            reader.handle,
            publisher=publisher,
            clock=process.clock,
            marks=marks_of(pool),
        )
        for reader in readers
    ]
