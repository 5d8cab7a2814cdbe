"""One partition on its way out: what is handed in while a batch travels makes the next batch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from hexi_kit.kafka.ports import Partition
from hexi_kit.metrics import counter
from hexi_kit.together import Together

Raw = tuple[bytes | None, bytes | None, list[tuple[str, Any]]]


class Lane:
    """Batches are built here: a tenth of the cost of a send per record.

    One batch waits at a time. aiokafka lets callers wait for a free slot, but counts the time of
    every earlier turn again against each of them, so that many callers time out in moments.
    Records carry the real time, events (`ce_time`) the project's: the broker refuses timestamps
    far from its own, and a scaled clock runs away from it.
    """

    def __init__(self, producer: AIOKafkaProducer, partition: Partition) -> None:
        self._producer, self._partition = producer, partition
        self._together = Together(self._deliver)

    def send(self, records: list[Raw]) -> asyncio.Future[None]:
        """Hand records in, in order; the future is done when the broker has them."""
        return self._together.add(records)

    async def _deliver(self, handed_in: list[list[Raw]]) -> None:
        topic, partition = self._partition
        acknowledged = [
            await self._producer.send_batch(batch, topic, partition=partition)
            for batch in self._batches(chain.from_iterable(handed_in))
        ]
        await asyncio.gather(*acknowledged)
        counter("kafka.records_produced").add(sum(map(len, handed_in)), {"topic": topic})

    def _batches(self, records: Iterable[Raw]) -> Iterator[BatchBuilder]:
        batch = self._producer.create_batch()
        for key, value, headers in records:
            if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                yield batch
                batch = self._producer.create_batch()
                batch.append(key=key, value=value, timestamp=None, headers=headers)
        yield batch
