"""A record as it came off the log, and one on its way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message
from hexi_contracts.topic import Topic


@dataclass(frozen=True, slots=True)
class Record:
    """One record read from a partition; `headers` keeps the last of equal names."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes] = field(default_factory=dict)
    timestamp_ms: int = 0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One event to publish; without `partition` it goes where `topic.partition_of(key)` says.

    A message given as bytes is already encoded, as the outbox keeps it.
    """

    topic: Topic
    key: str
    message: Message | Mapping[str, object] | bytes
    event_id: str
    partition: int | None = None
    traceparent: str = ""

    @property
    def target(self) -> int:
        """The partition this event goes to."""
        return self.topic.partition_of(self.key) if self.partition is None else self.partition


def from_client(message: Any) -> Record:
    """What aiokafka's consumer handed over."""
    return Record(
        message.topic,
        message.partition,
        message.offset,
        message.key,
        message.value,
        dict(message.headers),
        message.timestamp,
    )
