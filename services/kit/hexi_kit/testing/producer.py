"""The EventProducer of tests: same methods, a broker in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from google.protobuf.message import Message
from hexi_contracts.topic import Topic

from hexi_kit.clock import Clock
from hexi_kit.kafka.codec import encode, event_headers
from hexi_kit.kafka.ports import Partition, RawRecord
from hexi_kit.kafka.record import Outgoing
from hexi_kit.testing.broker import FakeBroker


class FakeProducer:
    """Passes the suite of tests/ports/kit; acknowledged is appended."""

    def __init__(self, broker: FakeBroker, source: str, clock: Clock) -> None:
        self._broker, self._source, self._clock = broker, source, clock

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

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
        await self.send_all([Outgoing(topic, key, message, event_id, partition, traceparent)])

    async def send_all(self, events: Iterable[Outgoing]) -> None:
        now_ms = self._clock.now_ms()
        for event in events:
            headers = event_headers(
                event.topic, event.event_id, self._source, now_ms, event.traceparent
            )
            target = Partition(event.topic.name, event.target)
            raw = RawRecord(target, event.key.encode(), encode(event.message), headers)
            await self._broker.append(raw, now_ms)

    async def send_raw(self, raw: RawRecord) -> None:
        await self._broker.append(raw, self._clock.now_ms())
