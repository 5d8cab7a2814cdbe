"""Making a broker ready: rights from the topic contracts, coordinators, led partitions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import for_code
from aiokafka.protocol.admin import CreateAclsRequest, CreateAclsRequest_v1
from hexi_contracts.topic import Topic
from hexi_kit.identity import Identity
from hexi_kit.kafka.connection import client_options

TOPIC, GROUP, CLUSTER, TRANSACTIONAL_ID = 2, 3, 4, 5
LITERAL, PREFIXED = 3, 4
READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS, IDEMPOTENT_WRITE = 3, 4, 8, 10, 12
ALLOW = 3
ANY_HOST = "*"
ASK_AGAIN_MS = 200

Right = tuple[int, str, int, str, int]  # resource type, its name, pattern, principal, operation


class CreateAcls(CreateAclsRequest):  # type: ignore[misc]  # the library has no types
    """Many rights in one request, where the library sends one at a time."""

    def __init__(self, rights: Iterable[Right]) -> None:
        self._rights = list(rights)

    def build(self, request_struct_class: Any) -> Any:
        assert request_struct_class is CreateAclsRequest_v1, "expected version 1 of CreateAcls"
        rows = [
            (kind, name, pattern, f"User:{who}", ANY_HOST, operation, ALLOW)
            for kind, name, pattern, who, operation in self._rights
        ]
        return request_struct_class(rows)


def rights_of(topics: Iterable[Topic]) -> list[Right]:
    """Everything a service needs for the topics that name it, and nothing more."""
    rights: set[Right] = set()
    services: set[str] = set()
    for topic in topics:
        services |= {topic.owner, *topic.producers, *topic.consumers}
        for service in {topic.owner, *topic.producers}:
            rights |= _on_topic(topic.name, service, WRITE)
            # A journal's transactional ids are named after it: <journal>-<partition>.
            rights |= {
                (TRANSACTIONAL_ID, f"{topic.name}-", PREFIXED, service, operation)
                for operation in (WRITE, DESCRIBE)
            }
        for service in {topic.owner, *topic.consumers}:
            rights |= _on_topic(topic.name, service, READ)
            if topic.dead_letter:
                rights |= _on_topic(topic.dead_letter, service, WRITE, READ)
        for reader in topic.readers:
            rights |= _on_topic(topic.name, reader, READ)
    for service in services:
        rights |= {(GROUP, service, PREFIXED, service, one) for one in (READ, DESCRIBE)}
        rights.add((CLUSTER, "kafka-cluster", LITERAL, service, IDEMPOTENT_WRITE))
    return sorted(rights)


async def make_coordinators(bootstrap: str, identity: Identity | None) -> None:
    """Ask for one of each kind: the broker makes its inner topics before anyone is in a hurry."""
    client = AIOKafkaClient(**client_options(bootstrap, identity))
    await client.bootstrap()
    try:
        for kind in CoordinationType:
            await client.coordinator_lookup(kind, "nobody")
    finally:
        await client.close()


async def until_led(bootstrap: str, identity: Identity | None, topics: Iterable[Topic]) -> None:
    """Return when every partition answers: a client that comes earlier spins on retries."""
    partitions = [
        TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)
    ]
    consumer = AIOKafkaConsumer(
        **client_options(bootstrap, identity), retry_backoff_ms=ASK_AGAIN_MS, group_id=None
    )
    await consumer.start()
    try:
        await consumer.end_offsets(partitions)
    finally:
        await consumer.stop()


async def write_rights(bootstrap: str, identity: Identity | None, rights: list[Right]) -> None:
    """Put rights in force; those already there stay."""
    client = AIOKafkaClient(**client_options(bootstrap, identity))
    await client.bootstrap()
    try:
        response = await client.send(client.get_random_node(), CreateAcls(rights))
    finally:
        await client.close()
    for code, message in response.creation_responses:
        if code:
            raise for_code(code)(message)


def _on_topic(name: str, service: str, *operations: int) -> set[Right]:
    return {
        (TOPIC, name, LITERAL, service, one) for one in (*operations, DESCRIBE, DESCRIBE_CONFIGS)
    }
