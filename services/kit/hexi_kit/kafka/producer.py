"""Events out: idempotent, acknowledged by all replicas before `send` returns."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from google.protobuf.message import Message
from hexi_contracts.topic import Topic

from hexi_kit.clock import Clock
from hexi_kit.identity import Identity
from hexi_kit.kafka.codec import encode, event_headers
from hexi_kit.kafka.connection import client_options
from hexi_kit.kafka.ports import Partition, RawRecord
from hexi_kit.kafka.record import Outgoing

BATCH_BYTES = 512 * 1024
REQUEST_BYTES_MAX = 9 * 1024 * 1024  # the largest topic takes 8 MiB a message
REQUEST_TIMEOUT_MS = 15_000


class EventProducer:
    """One idempotent producer of a process; started once, stopped once.

    Records of one partition are appended in the order they were handed in.
    """

    def __init__(
        self, bootstrap: str, identity: Identity | None, source: str, clock: Clock
    ) -> None:
        self._bootstrap, self._identity = bootstrap, identity
        self._source, self._clock = source, clock
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        producer = AIOKafkaProducer(
            **client_options(self._bootstrap, self._identity),
            client_id=self._source,
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES_MAX,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        await producer.start()
        self._producer = producer

    async def stop(self) -> None:
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def send(
        self,
        topic: Topic,
        key: str,
        message: Message | Mapping[str, object],
        *,
        event_id: str,
        partition: int | None = None,
        traceparent: str = "",
    ) -> None:
        """Publish one event and return when the broker has it."""
        await self.send_all([Outgoing(topic, key, message, event_id, partition, traceparent)])

    async def send_all(self, events: Iterable[Outgoing]) -> None:
        """Publish many and return when the broker has them all."""
        now_ms = self._clock.now_ms()
        parts: dict[Partition, list[_Raw]] = {}
        for event in events:
            headers = event_headers(
                event.topic, event.event_id, self._source, now_ms, event.traceparent
            )
            raw = (event.key.encode(), encode(event.message), headers)
            parts.setdefault(Partition(event.topic.name, event.target), []).append(raw)
        await self._deliver(parts)

    async def send_raw(self, raw: RawRecord) -> None:
        """Publish bytes as they are: dead letters and their way back."""
        records: list[_Raw] = [(raw.key, raw.value, list(raw.headers))]
        await self._deliver({raw.partition: records})

    async def _deliver(self, parts: Mapping[Partition, list[_Raw]]) -> None:
        """Batches are built here, one per partition: a tenth of the cost of a send per record.

        Records carry the real time, events (`ce_time`) the project's: the broker refuses
        timestamps far from its own, and a scaled clock runs away from it.
        """
        if self._producer is None:
            raise RuntimeError("the producer is not started")
        acknowledged = []
        for (topic, partition), records in parts.items():
            for batch in _batches(self._producer, records):
                acknowledged.append(
                    await self._producer.send_batch(batch, topic, partition=partition)
                )
        await asyncio.gather(*acknowledged)


def _batches(producer: AIOKafkaProducer, records: list[_Raw]) -> Iterator[BatchBuilder]:
    batch = producer.create_batch()
    for key, value, headers in records:
        if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
            yield batch
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None, headers=headers)
    yield batch


_Raw = tuple[bytes | None, bytes | None, list[tuple[str, Any]]]
