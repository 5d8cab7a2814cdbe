"""The two requests it takes to append to a log."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from aiokafka.client import ConnectionGroup, CoordinationType
from aiokafka.errors import DuplicateSequenceNumber, KafkaError, NoError, for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest

from hexi_kit.kafka.leader_client import REQUEST_TIMEOUT_MS, LeaderClient
from hexi_kit.kafka.ports import Partition, by_topic

# Never used to end a transaction, since there are none; the broker wants a number.
TRANSACTION_TIMEOUT_MS = 60_000
ACKS_ALL = -1
SEQUENCES = 2**31
"""Sequence numbers of a partition come round."""


class Answer(NamedTuple):
    """What became of the batch of one partition; the offset is that of its first record."""

    error: type[BaseException]
    offset: int = -1

    @property
    def is_written(self) -> bool:
        """A batch sent again may be known already."""
        return self.error is NoError or self.error is DuplicateSequenceNumber


class ProduceClient(LeaderClient):
    """Gets producer ids, and sends batches that carry them."""

    async def init_producer(self, transactional_id: str | None = None) -> tuple[int, int]:
        """A producer id and its epoch; above every epoch given for `transactional_id` before.

        Raises:
            KafkaError: the broker gave none.
        """
        if transactional_id is None:
            node, group = self._client.get_random_node(), ConnectionGroup.DEFAULT
        else:
            kind, group = CoordinationType.TRANSACTION, ConnectionGroup.COORDINATION
            node = await self._client.coordinator_lookup(kind, transactional_id)
        request = InitProducerIdRequest(transactional_id, TRANSACTION_TIMEOUT_MS)
        answer = await self._client.send(node, request, group=group)
        error = for_code(answer.error_code)
        if error is not NoError:
            raise error(transactional_id)
        return answer.producer_id, answer.producer_epoch

    async def produce(self, batches: Mapping[Partition, bytes]) -> dict[Partition, Answer]:
        """One request per leader; every partition gets an answer, a lost one too."""
        found: dict[Partition, Answer] = {}
        by_leader: dict[int, dict[Partition, bytes]] = {}
        for partition, batch in batches.items():
            leader = self.leader(partition)
            if leader is None:
                found[partition] = Answer(self.no_leader(partition))
            else:
                by_leader.setdefault(leader, {})[partition] = batch
        asked = [self._ask(leader, group) for leader, group in by_leader.items()]
        # Gathered, even one would take two turns of the loop more.
        for answers in [await asked[0]] if len(asked) == 1 else await asyncio.gather(*asked):
            found.update(answers)
        return found

    async def _ask(self, leader: int, group: Mapping[Partition, bytes]) -> dict[Partition, Answer]:
        rows = by_topic(
            (partition, (partition.number, batch)) for partition, batch in group.items()
        )
        request = ProduceRequest(None, ACKS_ALL, REQUEST_TIMEOUT_MS, rows)
        try:
            answer = await self._client.send(leader, request)
        except KafkaError as error:
            return {partition: Answer(type(error)) for partition in group}
        return {
            Partition(topic, number): Answer(for_code(code), offset)
            for topic, partitions in answer.topics
            for number, code, offset, *_ in partitions
        }
