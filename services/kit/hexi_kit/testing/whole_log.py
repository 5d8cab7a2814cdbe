"""All that a topic holds now, for tests that judge a log by its whole."""

from __future__ import annotations

from typing import Any

from hexi_contracts.topic import Topic

from hexi_kit.identity import Identity
from hexi_kit.kafka.tail import LogTail


async def whole_log(bootstrap: str, identity: Identity | None, topic: Topic) -> list[Any]:
    """Messages, in order within a partition."""
    found: list[Any] = []
    shape: Any = topic.message

    def keep(_: str, records: Any) -> None:
        found.extend(shape.FromString(record.value) for record in records)

    tail = LogTail(bootstrap, identity, [topic], keep)
    async with tail.followed():
        return found
