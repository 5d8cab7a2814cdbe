"""When each placement stood in the log, at little cost to those who are measured beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hexi_contracts import topics
from hexi_kit.clock import SystemClock
from hexi_kit.kafka.log_reader import LogReader
from hexi_kit.kafka.ports import Partition

from tests.bench.province import Province

MARK = b"/p/"
clock = SystemClock()


class PlacementLog:
    """Answers are kept as bytes with their moment; keys are read once somebody asks."""

    def __init__(self, log: LogReader) -> None:
        self._log = log
        self._unread: list[tuple[float, Any]] = []
        self._seen: dict[str, float] = {}
        self.records = 0

    @property
    def seen(self) -> dict[str, float]:
        """When each placement id was first read back, in seconds of the monotonic clock."""
        for at_s, batch in self._unread:
            for record in batch:
                mark = (record.key or b"").find(MARK)
                if mark > 0:
                    self._seen.setdefault(record.key[mark + len(MARK) :].decode(), at_s)
        self._unread.clear()
        return self._seen

    async def run(self) -> None:
        topic = topics.SCHEDULER_PLACEMENT
        positions = {Partition(topic.name, number): 0 for number in range(topic.partitions)}
        while True:
            found = await self._log.read(positions)
            now_s = clock.real_monotonic_s()
            for partition, answer in found.items():
                for batch in answer.batches():
                    self._unread.append((now_s, batch))
                    self.records += batch.next_offset - positions[partition]
                    positions[partition] = batch.next_offset


@asynccontextmanager
async def following(province: Province) -> AsyncIterator[PlacementLog]:
    """Reads from the beginning of the log to the end of the body; what ends reading ends both."""
    identity = province.cast.of("supervisor")
    reader = LogReader(
        province.hexi.kafka, identity, [topics.SCHEDULER_PLACEMENT.name], "placement-log"
    )
    await reader.open()
    log = PlacementLog(reader)
    try:
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(log.run())
            yield log
            reading.cancel()
    finally:
        await reader.close()
