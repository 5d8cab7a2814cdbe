"""The two requests a journal needs of the broker to be written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from aiokafka.client import ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError, LeaderNotAvailableError, NoError, for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest

from hexi_kit.identity import Identity
from hexi_kit.kafka.leader_client import REQUEST_TIMEOUT_MS, LeaderClient
from hexi_kit.kafka.ports import Partition

# Never used to end a transaction, since there are none; the broker wants a number.
TRANSACTION_TIMEOUT_MS = 60_000
ACKS_ALL = -1


class Answer(NamedTuple):
    """What became of the batch of one partition; the offset is that of its first record."""

    error: type[BaseException]
    offset: int


class BrokerLink(LeaderClient):
    """The client of one journal."""

    def __init__(self, bootstrap: str, identity: Identity | None, journal: str) -> None:
        super().__init__(bootstrap, identity, [journal], f"journal-{journal}")
        self._journal = journal

    async def init_producer(self, transactional_id: str) -> tuple[int, int]:
        """A producer id and an epoch above every epoch given for `transactional_id` before."""
        node = await self._client.coordinator_lookup(CoordinationType.TRANSACTION, transactional_id)
        request = InitProducerIdRequest(transactional_id, TRANSACTION_TIMEOUT_MS)
        answer = await self._client.send(node, request, group=ConnectionGroup.COORDINATION)
        error = for_code(answer.error_code)
        if error is not NoError:
            raise error(transactional_id)
        return answer.producer_id, answer.producer_epoch

    async def produce(self, batches: Mapping[int, bytes]) -> dict[int, Answer]:
        """One request per leader; every partition gets an answer, a lost one too."""
        by_leader: dict[int | None, list[tuple[int, bytes]]] = {}
        for partition, batch in batches.items():
            leader = self._leader(Partition(self._journal, partition))
            by_leader.setdefault(leader, []).append((partition, batch))
        parts = await asyncio.gather(*(self._ask(n, group) for n, group in by_leader.items()))
        return {partition: answer for part in parts for partition, answer in part.items()}

    async def _ask(self, leader: int | None, group: list[tuple[int, bytes]]) -> dict[int, Answer]:
        if leader is None:
            return {p: Answer(LeaderNotAvailableError, -1) for p, _ in group}
        request = ProduceRequest(None, ACKS_ALL, REQUEST_TIMEOUT_MS, [(self._journal, group)])
        try:
            answer = await self._client.send(leader, request)
        except KafkaError as error:
            return {p: Answer(type(error), -1) for p, _ in group}
        ((_, partitions),) = [(topic[0], topic[1]) for topic in answer.topics]
        return {row[0]: Answer(for_code(row[1]), row[2]) for row in partitions}
