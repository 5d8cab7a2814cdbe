"""Appends accepted frames to telemetry.frame.v1."""

from __future__ import annotations

from collections.abc import Sequence

from hexi_kit.kafka.ports import Publisher
from hexi_kit.tracing import current_traceparent

from hexi_telemetry.domain.arrival import Arrival
from hexi_telemetry.domain.stream import StreamKey
from hexi_telemetry.stream.recent import RecentFrames
from hexi_telemetry.wire.events import frame_event


class KafkaFrameLog:
    """Returns when the broker has every frame of the batch."""

    def __init__(self, producer: Publisher, recent: RecentFrames) -> None:
        self._producer, self._recent = producer, recent

    async def append(self, stream: StreamKey, frames: Sequence[Arrival]) -> None:
        trace = current_traceparent()
        events = [frame_event(stream, one, trace) for one in frames]
        for event, one in zip(events, frames, strict=True):
            self._recent.keep(event.event_id, one)
        await self._producer.send_all(events)
