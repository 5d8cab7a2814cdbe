"""Events out: idempotent, acknowledged by all replicas before `send` returns."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from google.protobuf.message import Message
from hexi_contracts.topic import Topic

from hexi_kit.clock import Clock
from hexi_kit.errors import Unavailable
from hexi_kit.identity import Identity
from hexi_kit.kafka.codec import encode, event_headers
from hexi_kit.kafka.connection import client_options
from hexi_kit.kafka.lane import Lane, Raw
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
        self._lanes: dict[Partition, Lane] = {}

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
        """Publish many and return when the broker has them all.

        Raises:
            Unavailable: the broker did not take them in time; some may be on the log.
        """
        now_ms = self._clock.now_ms()
        parts: dict[Partition, list[Raw]] = {}
        for event in events:
            headers = event_headers(
                event.topic, event.event_id, self._source, now_ms, event.traceparent
            )
            raw = (event.key.encode(), encode(event.message), headers)
            parts.setdefault(Partition(event.topic.name, event.target), []).append(raw)
        await self._deliver(parts)

    async def send_raw(self, raw: RawRecord) -> None:
        """Publish bytes as they are: dead letters and their way back."""
        records: list[Raw] = [(raw.key, raw.value, list(raw.headers))]
        await self._deliver({raw.partition: records})

    async def _deliver(self, parts: Mapping[Partition, list[Raw]]) -> None:
        try:
            await asyncio.gather(*(self._lane(p).send(records) for p, records in parts.items()))
        except KafkaError as error:
            raise Unavailable(f"the log does not answer: {error!r}") from error

    def _lane(self, partition: Partition) -> Lane:
        if self._producer is None:
            raise RuntimeError("the producer is not started")
        lane = self._lanes.get(partition)
        if lane is None:
            lane = self._lanes[partition] = Lane(self._producer, partition)
        return lane
