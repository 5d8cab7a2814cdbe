"""Topics as contracts want them, made where missing and compared where they exist."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code
from hexi_contracts.topic import Topic

from hexi_kit.identity import Identity
from hexi_kit.kafka.connection import client_options

DEAD_LETTER_RETENTION_MS = 30 * 24 * 3_600_000
# Room for the batch header around one largest message.
BATCH_OVERHEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the broker should say of one topic."""

    name: str
    partitions: int
    config: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as contracts say."""

    topic: str
    setting: str
    expected: str
    was: str


def wanted(topics: Iterable[Topic]) -> list[Wanted]:
    """The topics and, once each, their dead letter topics, ordered by name."""
    found: dict[str, Wanted] = {}
    for topic in topics:
        config = {
            "cleanup.policy": topic.cleanup,
            "retention.ms": str(topic.retention_ms),
            "max.message.bytes": str(topic.message_bytes_max + BATCH_OVERHEAD_BYTES),
            "min.compaction.lag.ms": str(topic.compaction_lag_ms),
        }
        found[topic.name] = Wanted(topic.name, topic.partitions, tuple(sorted(config.items())))
        if topic.dead_letter:
            dead = config | {
                "cleanup.policy": "delete",
                "retention.ms": str(DEAD_LETTER_RETENTION_MS),
                "min.compaction.lag.ms": "0",
            }
            found[topic.dead_letter] = Wanted(topic.dead_letter, 1, tuple(sorted(dead.items())))
    return [found[name] for name in sorted(found)]


async def ensure_topics(
    bootstrap: str, identity: Identity | None, topics: Iterable[Topic], replication: int = 1
) -> list[str]:
    """Create what is missing; the names of what was created."""
    async with _admin(bootstrap, identity) as admin:
        existing = set(await admin.list_topics())
        missing = [want for want in wanted(topics) if want.name not in existing]
        if not missing:
            return []
        answer = await admin.create_topics(
            [
                NewTopic(want.name, want.partitions, replication, topic_configs=dict(want.config))
                for want in missing
            ]
        )
        for name, code, *_ in answer.topic_errors:
            error = for_code(code)
            # Another process may have been quicker.
            if code and error is not TopicAlreadyExistsError:
                raise error(name)
        return [want.name for want in missing]


async def verify_topics(
    bootstrap: str, identity: Identity | None, topics: Iterable[Topic]
) -> list[Difference]:
    """Every difference between contracts and broker; empty is good."""
    wants = wanted(topics)
    async with _admin(bootstrap, identity) as admin:
        described = {t["topic"]: t for t in await admin.describe_topics([w.name for w in wants])}
        present = [want for want in wants if not described[want.name]["error_code"]]
        configs = await _configs(admin, [want.name for want in present])
    differences = []
    for want in wants:
        if want not in present:
            differences.append(Difference(want.name, "topic", "present", "missing"))
            continue
        partitions = len(described[want.name]["partitions"])
        if partitions != want.partitions:
            differences.append(
                Difference(want.name, "partitions", str(want.partitions), str(partitions))
            )
        for setting, expected in want.config:
            was = configs[want.name].get(setting, "unset")
            if was != expected:
                differences.append(Difference(want.name, setting, expected, was))
    return differences


async def _configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(resources):
        for _, _, _, name, entries in answer.resources:
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


@asynccontextmanager
async def _admin(bootstrap: str, identity: Identity | None) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client_options(bootstrap, identity))
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
