"""Reads whole topics from their beginning and stays at the end: for memories rebuilt at start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from hexi_contracts.topic import Topic

from hexi_kit.clock import SystemClock
from hexi_kit.identity import Identity
from hexi_kit.kafka.log_reader import LogReader
from hexi_kit.kafka.ports import Partition
from hexi_kit.kafka.record import Record
from hexi_kit.kafka.session import FetchLimits
from hexi_kit.kafka.topic_reader import Fetched

# One answer is applied in one go: what waits for the same loop waits so long.
LIMITS = FetchLimits(partition_bytes=256 * 1024, bytes=1024 * 1024)

Positions = dict[Partition, int]
Apply = Callable[[str, Sequence[Record]], None]


class LogTail:
    """Hands every record of `topics`, batch by batch, to `apply(topic, records)`.

    It belongs to no group and commits nothing: each start reads from the beginning. `caught_up`
    is set once everything that stood in the topics at the start has been applied. From then on it
    rests `rest_s` behind answers that are not full: many small fetches cost the broker more than
    their records.
    """

    def __init__(
        self,
        bootstrap: str,
        identity: Identity | None,
        topics: Sequence[Topic],
        apply: Apply,
        rest_s: float = 0.0,
    ) -> None:
        self._bootstrap, self._identity = bootstrap, identity
        self._topics = topics
        self._apply, self._rest_s = apply, rest_s
        self.caught_up = asyncio.Event()

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Reads beside the body, which begins once all is caught up; what ends reading ends both.

        For owners without a Lifecycle: a task on its own would end in silence.
        """
        owner = asyncio.current_task()
        assert owner is not None
        reading = asyncio.create_task(self.run(), name="log tail")

        def tell(_: asyncio.Task[None]) -> None:
            owner.cancel()

        reading.add_done_callback(tell)
        try:
            await self.caught_up.wait()
            yield
        except asyncio.CancelledError:
            if not reading.done():
                raise
            owner.uncancel()
        finally:
            reading.remove_done_callback(tell)
            reading.cancel()
            await asyncio.wait([reading])
        if not reading.cancelled():
            reading.result()

    async def run(self) -> None:
        names = [topic.name for topic in self._topics]
        reader = LogReader(self._bootstrap, self._identity, names, "log-tail", LIMITS)
        await reader.open()
        positions = {
            Partition(topic.name, number): 0
            for topic in self._topics
            for number in range(topic.partitions)
        }
        # Where each ended when it was first read; above it, all is caught up.
        ends: dict[Partition, int] = {}
        try:
            while True:
                found = await reader.read(positions)
                gone = [p for p, one in found.items() if one.is_gone]
                positions |= await reader.begins(gone)
                bytes_brought = self._apply_all(found, positions)
                if not self.caught_up.is_set():
                    ends = {p: one.end for p, one in found.items() if p not in gone} | ends
                    if all(at >= ends.get(p, at + 1) for p, at in positions.items()):
                        self.caught_up.set()
                elif self._rest_s and 0 < bytes_brought < LIMITS.bytes // 2:
                    await SystemClock().sleep(self._rest_s)
        finally:
            await reader.close()

    def _apply_all(self, found: Mapping[Partition, Fetched], positions: Positions) -> int:
        """Moves `positions` on; how many bytes came."""
        bytes_brought = 0
        for partition, one in found.items():
            batches = list(one.batches())
            if not batches or one.asked != positions[partition]:
                continue
            bytes_brought += len(one.data)
            self._apply(partition.topic, list(one.records(partition)))
            # Compaction can take the last records of a batch away.
            positions[partition] = batches[-1].next_offset
        return bytes_brought
