"""Reads whole topics from the broker, decoded, in the order of each partition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition
from google.protobuf.message import Message
from hexi_contracts.topic import Topic
from hexi_kit.identity import Identity
from hexi_kit.kafka.connection import client_options

POLL_TIMEOUT_MS = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One record: `value` is None for a tombstone, bytes where the topic carries JSON."""

    partition: int
    offset: int
    key: str
    value: Message | bytes | None


@dataclass(slots=True)
class Logs:
    """Every entry of every topic that was read, partitions one after the other."""

    entries: dict[str, list[Entry]] = field(default_factory=dict)

    def of(self, topic: Topic) -> list[Entry]:
        return self.entries.get(topic.name, [])


async def read(bootstrap: str, identity: Identity, topics: Sequence[Topic]) -> Logs:
    """Everything that stands in `topics` now."""
    by_name = {topic.name: topic for topic in topics}
    consumer: AIOKafkaConsumer = AIOKafkaConsumer(
        **client_options(bootstrap, identity), enable_auto_commit=False
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(t.name, p) for t in topics for p in range(t.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = {tp: end for tp, end in (await consumer.end_offsets(partitions)).items() if end}
        found: dict[TopicPartition, list[Entry]] = {}
        while ends:
            batches = await consumer.getmany(timeout_ms=POLL_TIMEOUT_MS)
            for tp, records in batches.items():
                kept = found.setdefault(tp, [])
                kept.extend(
                    Entry(
                        tp.partition,
                        record.offset,
                        (record.key or b"").decode(),
                        _value(by_name[tp.topic], record.key, record.value),
                    )
                    for record in records
                )
            for tp in [tp for tp, end in ends.items() if await consumer.position(tp) >= end]:
                del ends[tp]
    finally:
        await consumer.stop()
    logs = Logs()
    for tp in sorted(found):
        logs.entries.setdefault(tp.topic, []).extend(found[tp])
    return logs


def _value(topic: Topic, key: bytes | None, value: bytes | None) -> Message | bytes | None:
    if value is None or topic.message is None or (key or b"").startswith(b"fence/"):
        return value
    return topic.message.FromString(value)
