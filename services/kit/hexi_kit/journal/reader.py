"""Reads a stretch of a journal as fast as one client can: what recovery waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from hexi_kit.errors import Unavailable
from hexi_kit.identity import Identity
from hexi_kit.journal.ownership import FENCE_PREFIX
from hexi_kit.kafka.log_reader import LogReader
from hexi_kit.kafka.ports import Partition
from hexi_kit.kafka.topic_reader import Fetched

# A broker that brings nothing for so long has lost what it acknowledged, or is gone.
SILENCE_MAX_S = 20.0

Stretch = tuple[int, int]
"""From this offset up to, but not including, that one."""

Entries = list[tuple[bytes, bytes | None]]


async def read_journal(
    bootstrap: str, identity: Identity | None, journal: str, stretches: Mapping[int, Stretch]
) -> AsyncIterator[tuple[int, Entries]]:
    """Batches of (partition, entries) in the order of each partition; fences are left out."""
    ends = {p: end for p, (start, end) in stretches.items() if start < end}
    if not ends:
        return
    positions = {Partition(journal, p): stretches[p][0] for p in sorted(ends)}
    log = LogReader(bootstrap, identity, [journal], f"journal-{journal}")
    await log.open()
    coming = asyncio.ensure_future(log.read(positions))
    loop = asyncio.get_running_loop()
    silent_since_s = loop.time()
    try:
        while positions:
            found = await coming
            stretched = {p: _batches(p, part) for p, part in found.items()}
            for partition, batches in stretched.items():
                # Compaction leaves holes, but never takes the last record, which is the fence.
                if batches:
                    positions[partition] = batches[-1].next_offset
            positions = {p: at for p, at in positions.items() if at < ends[p.number]}
            if any(stretched.values()):
                silent_since_s = loop.time()
            elif loop.time() - silent_since_s > SILENCE_MAX_S:
                numbers = sorted(p.number for p in positions)
                raise Unavailable(f"{journal}{numbers}: nothing to read below the fence")
            # The next answer travels while this one is taken apart.
            coming = asyncio.ensure_future(log.read(positions))
            for partition, batches in stretched.items():
                if batches:
                    number, start = partition.number, found[partition].asked
                    yield number, _entries(batches, start, ends[number])
    finally:
        coming.cancel()
        await log.close()


def _batches(partition: Partition, found: Fetched) -> list[Any]:
    if found.is_gone:
        topic, number = partition
        raise Unavailable(f"{topic}[{number}]: offset {found.asked} is no longer kept")
    return list(found.batches())


def _entries(batches: list[Any], start: int, end: int) -> Entries:
    # The broker checked the sums of the batches, and TLS guards the way here.
    return [
        (key, record.value)
        for batch in batches
        if not batch.is_control_batch
        for record in batch
        if start <= record.offset < end and not (key := record.key or b"").startswith(FENCE_PREFIX)
    ]
