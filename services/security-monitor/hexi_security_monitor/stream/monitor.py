"""Hears every topic of the monitor: reads each record strictly, then calls its verb."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from hexi_contracts import topics
from hexi_contracts.topic import Topic
from hexi_kit.errors import Poison
from hexi_kit.kafka.codec import decode
from hexi_kit.kafka.record import Record

from hexi_security_monitor.handlers import note, observe, watch
from hexi_security_monitor.handlers.desk import Desk
from hexi_security_monitor.ports import Batch
from hexi_security_monitor.wire.events import event_of
from hexi_security_monitor.wire.telemetry import admitted_of, racks_of, reading_of, standing_of


@dataclass(frozen=True, slots=True)
class Ear:
    """How one topic is heard."""

    topic: Topic
    read: Callable[[Any], object]
    verb: Callable[[Desk, Batch[Any]], Awaitable[None]]


def _nothing(_: object) -> None:
    """For topics that are only counted: that a record could be decoded is all there is to know."""


EARS = (
    Ear(topics.SECURITY_EVENT, event_of, observe.observe),
    Ear(topics.TELEMETRY_FRAME, reading_of, watch.watch_frames),
    Ear(topics.INVENTORY_SERVER_SET, racks_of, watch.note_racks),
    Ear(topics.INVENTORY_SITE, standing_of, note.note_sites),
    Ear(topics.INVENTORY_ADMISSION, admitted_of, note.note_admissions),
    Ear(topics.TELEMETRY_GAP, _nothing, note.count_only),
    Ear(topics.TELEMETRY_KEY, _nothing, note.count_only),
    Ear(topics.SETTLEMENT_INVOICE, _nothing, note.count_only),
    Ear(topics.SETTLEMENT_TRANSFER, _nothing, note.count_only),
    Ear(topics.SECURITY_FINDING, _nothing, note.count_only),
    Ear(topics.SECURITY_INCIDENT, _nothing, note.count_only),
)
TOPICS = tuple(ear.topic for ear in EARS)


class MonitorStream:
    """Handles one batch of one partition: read whole before anything is decided."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ears = {ear.topic.name: ear for ear in EARS}

    async def handle(self, records: list[Record]) -> None:
        ear = self._ears[records[0].topic]
        items = []
        for index, record in enumerate(records):
            try:
                items.append((record.offset, ear.read(decode(ear.topic, record))))
            except Poison as poison:
                # Counted before it leaves, so that nothing leaves uncounted.
                place = (record.topic, record.partition, record.offset)
                await self._desk.monitor.refuse(*place, poison.reason)
                raise Poison(poison.reason, index) from poison
        await ear.verb(self._desk, Batch(records[0].topic, records[0].partition, tuple(items)))
