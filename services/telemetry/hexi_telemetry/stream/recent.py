"""Frames on their way through the log: what was parsed at the door need not be parsed again."""

from __future__ import annotations

from collections import OrderedDict

from hexi_kit.kafka.record import Record

from hexi_telemetry.domain.arrival import Arrival
from hexi_telemetry.domain.frame import Frame

# A turn of the inbox at full load; each is two copies of some hundred kilobytes.
FRAMES_MAX = 192


class RecentFrames:
    """Forgets the oldest: whoever asks for it reads the bytes, as after a start."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Arrival] = OrderedDict()

    def keep(self, event_id: str, arrival: Arrival) -> None:
        self._kept[event_id.encode()] = arrival
        if len(self._kept) > FRAMES_MAX:
            self._kept.popitem(last=False)

    def take(self, record: Record) -> Frame | None:
        """The frame of a record whose very bytes were handed in here, once."""
        arrival = self._kept.pop(record.headers.get("ce_id", b""), None)
        return arrival.frame if arrival is not None and arrival.payload == record.value else None
