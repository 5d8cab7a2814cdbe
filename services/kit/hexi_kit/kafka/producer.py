"""Events out: idempotent, acknowledged by all replicas before `send` returns."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from aiokafka.errors import KafkaError
from google.protobuf.message import Message
from hexi_contracts.topic import Topic

from hexi_kit.clock import Clock
from hexi_kit.errors import Unavailable
from hexi_kit.identity import Identity
from hexi_kit.kafka.batch import Raw
from hexi_kit.kafka.codec import encode, event_headers
from hexi_kit.kafka.log_writer import LogWriter
from hexi_kit.kafka.ports import Partition, RawRecord
from hexi_kit.kafka.record import Outgoing


class EventProducer:
    """One idempotent producer of a process; started once, stopped once.

    Records of one partition are appended in the order they were handed in.
    """

    def __init__(
        self, bootstrap: str, identity: Identity | None, source: str, clock: Clock
    ) -> None:
        self._source, self._clock = source, clock
        self._writer = LogWriter(bootstrap, identity, source, clock)

    async def start(self) -> None:
        await self._writer.open()

    async def stop(self) -> None:
        await self._writer.close()

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
        waits = [self._writer.add(partition, entries) for partition, entries in parts.items()]
        try:
            # Gathered, even one would take a turn of the loop more.
            await (waits[0] if len(waits) == 1 else asyncio.gather(*waits))
        except KafkaError as error:
            raise Unavailable(f"the log does not answer: {error!r}") from error
