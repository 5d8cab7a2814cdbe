"""Reads partitions at offsets that its owner keeps: no group, no positions of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiokafka.errors import ConsumerStoppedError, NoError, OffsetOutOfRangeError

from hexi_kit.identity import Identity
from hexi_kit.kafka.ports import Partition, by_topic
from hexi_kit.kafka.session import FetchLimits
from hexi_kit.kafka.topic_reader import Fetched, Positions, TopicReader
from hexi_kit.kafka.transient import is_transient

LIMITS = FetchLimits()
PAUSE_S = 0.05
ANSWERS = (NoError, OffsetOutOfRangeError)


class LogReader:
    """Open, read as often as you like, close."""

    def __init__(
        self,
        bootstrap: str,
        identity: Identity | None,
        topics: Iterable[str],
        name: str,
        limits: FetchLimits = LIMITS,
    ) -> None:
        self._topics = {
            topic: TopicReader(bootstrap, identity, topic, name, limits) for topic in topics
        }
        self._is_open = False

    async def open(self) -> None:
        await asyncio.gather(*(topic.open() for topic in self._topics.values()))
        self._is_open = True

    async def close(self) -> None:
        self._is_open = False
        await asyncio.gather(*(topic.close() for topic in self._topics.values()))

    async def read(self, positions: Positions) -> dict[Partition, Fetched]:
        """What came first, from whichever broker; nothing when the wait was over: read again.

        A request of an earlier call may still be under way, and bring what was asked for then:
        compare `asked`. Cut off, nothing is lost.

        Raises:
            KafkaError: to read again will not help.
        """
        found = await self._first(positions)
        failed = {p: one.error for p, one in found.items() if one.error not in ANSWERS}
        for partition, error in failed.items():
            if not is_transient(error):
                raise error(str(partition))
        for topic in {partition.topic for partition in failed}:
            await self._topics[topic].refresh(PAUSE_S)
        return {p: one for p, one in found.items() if p not in failed}

    async def begins(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The first offset that the log still has, of those whose leader answers."""
        found: dict[Partition, int] = {}
        for topic, group in by_topic((partition, partition) for partition in partitions):
            found |= await self._topics[topic].begins(group)
        return found

    async def _first(self, positions: Positions) -> dict[Partition, Fetched]:
        if not self._is_open:
            raise ConsumerStoppedError
        found: dict[Partition, Fetched] = {}
        coming: list[asyncio.Task[object]] = []
        for topic, items in by_topic((item[0], item) for item in positions.items()):
            wanted = dict(items)
            coming += self._topics[topic].ask(wanted)
            found |= self._topics[topic].leaderless(wanted)
        if coming and not found:
            await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
        for reader in self._topics.values():
            found |= reader.take()
        return found
