"""One topic as a reader sees it, by a connection of its own.

A broker answers the requests of a connection one after the other, and a request that sleeps wakes,
and is looked at, for each of its partitions: what waits for one topic shall not hold up another's.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from aiokafka.errors import KafkaError, NoError, OffsetOutOfRangeError, for_code
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.record.memory_records import MemoryRecords

from hexi_kit.identity import Identity
from hexi_kit.kafka.leader_client import LeaderClient
from hexi_kit.kafka.ports import Partition, by_topic
from hexi_kit.kafka.record import Record
from hexi_kit.kafka.session import CONSUMER, FetchLimits, FetchSession
from hexi_kit.kafka.transient import is_transient

EARLIEST = -2

Positions = Mapping[Partition, int]


class Fetched(NamedTuple):
    """What a fetch at `asked` brought of one partition: record batches as they lie in the log.

    `end` is where the partition ended then. OffsetOutOfRangeError: `asked` is no longer kept.
    """

    error: type[KafkaError]
    asked: int
    end: int = -1
    data: bytes = b""

    @property
    def is_gone(self) -> bool:
        return self.error is OffsetOutOfRangeError

    def batches(self) -> Iterator[Any]:
        """The whole batches; the first may begin before `asked`."""
        records = MemoryRecords(self.data)
        while records.has_next():
            yield records.next_batch()

    def records(self, partition: Partition) -> Iterator[Record]:
        """In order, from the first that was asked for."""
        topic, number = partition
        for batch in self.batches():
            if batch.is_control_batch:
                continue
            for one in batch:
                if one.offset >= self.asked:
                    headers = dict(one.headers)
                    yield Record(
                        topic, number, one.offset, one.key, one.value, headers, one.timestamp
                    )


class TopicReader(LeaderClient):
    """Open, ask and take as often as you like, close."""

    def __init__(
        self, bootstrap: str, identity: Identity | None, topic: str, name: str, limits: FetchLimits
    ) -> None:
        super().__init__(bootstrap, identity, [topic], name)
        self._limits = limits
        self._sessions: dict[int, FetchSession] = {}
        self._coming: dict[int, asyncio.Task[dict[Partition, Fetched]]] = {}

    async def close(self) -> None:
        coming, self._coming = self._coming, {}
        for task in coming.values():
            task.cancel()
        if coming:
            await asyncio.wait(coming.values())
        await super().close()

    def ask(self, positions: Positions) -> Iterable[asyncio.Task[Any]]:
        """What is under way, and now to every leader."""
        by_leader: defaultdict[int | None, dict[Partition, int]] = defaultdict(dict)
        for partition, offset in positions.items():
            by_leader[self.leader(partition)][partition] = offset
        for leader, wanted in by_leader.items():
            if leader is not None and leader not in self._coming:
                self._coming[leader] = asyncio.create_task(self._ask(leader, wanted))
        return self._coming.values()

    def leaderless(self, positions: Positions) -> dict[Partition, Fetched]:
        """Those whom nobody can be asked for, and why."""
        return {
            p: Fetched(self.no_leader(p), at)
            for p, at in positions.items()
            if self.leader(p) is None
        }

    def take(self) -> dict[Partition, Fetched]:
        """What has come."""
        found: dict[Partition, Fetched] = {}
        for leader in [leader for leader, task in self._coming.items() if task.done()]:
            found |= self._coming.pop(leader).result()
        return found

    async def begins(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The first offset that the log still has, of those whose leader answers."""
        by_leader: defaultdict[int | None, list[Partition]] = defaultdict(list)
        for partition in partitions:
            by_leader[self.leader(partition)].append(partition)
        by_leader.pop(None, None)
        found: dict[Partition, int] = {}
        for leader, group in by_leader.items():
            asked = by_topic((partition, (partition.number, EARLIEST)) for partition in group)
            try:
                answer = await self._client.send(leader, OffsetRequest(CONSUMER, 0, asked))
            except KafkaError as error:
                if not is_transient(type(error)):
                    raise
                continue
            for topic, rows in answer.topics:
                for number, code, *_, offset in rows:
                    if for_code(code) is NoError:
                        found[Partition(topic, number)] = offset
        return found

    async def _ask(self, leader: int, wanted: dict[Partition, int]) -> dict[Partition, Fetched]:
        session = self._sessions.get(leader)
        if session is None:
            session = self._sessions[leader] = FetchSession(self._limits)
        try:
            answer = await self._client.send(leader, session.request(wanted))
        except KafkaError as error:
            session.lost()
            return {p: Fetched(type(error), at) for p, at in wanted.items()}
        except asyncio.CancelledError:
            session.lost()
            raise
        if not session.answered(answer):
            return {}
        return {
            partition: Fetched(for_code(row[1]), wanted[partition], row[2], row[-1] or b"")
            for topic, rows in answer.topics
            for row in rows
            if (partition := Partition(topic, row[0])) in wanted
        }
