"""A client of its own for some topics, which knows who leads their partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaError,
    LeaderNotAvailableError,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import TopicPartition

from hexi_kit.identity import Identity
from hexi_kit.kafka.connection import client_options
from hexi_kit.kafka.ports import Partition

REQUEST_TIMEOUT_MS = 10_000


class LeaderClient:
    """Open, ask, close; its requests wait behind nobody else's."""

    def __init__(
        self, bootstrap: str, identity: Identity | None, topics: Iterable[str], name: str
    ) -> None:
        self._bootstrap, self._identity = bootstrap, identity
        self._topics, self._name = list(topics), name
        self._client: Any = None
        self._leaders: dict[Partition, int | None] = {}

    async def open(self) -> None:
        self._client = AIOKafkaClient(
            **client_options(self._bootstrap, self._identity),
            client_id=self._name,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        # Asked for every partition of every request, and changed by news of the cluster alone.
        self._client.cluster.add_listener(lambda _: self._leaders.clear())
        await self._client.bootstrap()
        if self._topics:
            await self._client.set_topics(self._topics)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def know(self, topic: str) -> None:
        """Learn who leads this one as well; at once when we know."""
        if topic not in self._topics:
            self._topics.append(topic)
            await self._client.add_topic(topic)

    async def refresh(self, pause_s: float) -> None:
        """Learn who leads what, after a pause."""
        await asyncio.wait([asyncio.ensure_future(self._client.force_metadata_update())])
        await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=pause_s)

    def leader(self, partition: Partition) -> int | None:
        """None while nobody leads it, or nobody may tell us."""
        if partition not in self._leaders:
            leader = self._client.cluster.leader_for_partition(TopicPartition(*partition))
            self._leaders[partition] = None if leader is None or leader < 0 else leader
        return self._leaders[partition]

    def no_leader(self, partition: Partition) -> type[KafkaError]:
        """Why it has none."""
        forbidden = partition.topic in self._client.cluster.unauthorized_topics
        found: type[KafkaError] = LeaderNotAvailableError
        return TopicAuthorizationFailedError if forbidden else found
