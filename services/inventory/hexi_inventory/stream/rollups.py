"""Hears telemetry.rollup.v1: the metered side of a site's PUE."""

from __future__ import annotations

from hexi_contracts.topics import TELEMETRY_ROLLUP
from hexi_kit.errors import Poison
from hexi_kit.kafka.codec import decode_all
from hexi_kit.kafka.record import Record

from hexi_inventory.domain.record import Rollup
from hexi_inventory.ports import Meter
from hexi_inventory.wire.admission import rollup_of

TOPICS = (TELEMETRY_ROLLUP,)


class RollupStream:
    """Handles one batch of one partition: decoded whole before anything is stored."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    async def handle(self, records: list[Record]) -> None:
        rollups = decode_rollups(records)
        last = records[-1]
        await self._meter.add_rollups(last.topic, last.partition, last.offset + 1, rollups)


def decode_rollups(records: list[Record]) -> list[Rollup]:
    rollups = []
    for index, message in enumerate(decode_all(TELEMETRY_ROLLUP, records)):
        try:
            rollups.append(rollup_of(message))
        except Poison as poison:
            raise Poison(poison.reason, index) from poison
    return rollups
