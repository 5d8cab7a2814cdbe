"""Reads a stretch of a journal as fast as one client can: what recovery waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiokafka.errors import NoError
from aiokafka.record.memory_records import MemoryRecords

from hexi_kit.errors import Unavailable
from hexi_kit.identity import Identity
from hexi_kit.journal.broker import BrokerLink, Fetched, is_transient
from hexi_kit.journal.ownership import FENCE_PREFIX

# A broker that brings nothing for so long has lost what it acknowledged, or is gone.
SILENCE_MAX_S = 20.0
PAUSE_S = 0.05

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
    positions = {p: stretches[p][0] for p in sorted(ends)}
    link = BrokerLink(bootstrap, identity, journal)
    await link.open()
    coming = asyncio.ensure_future(link.fetch(positions))
    loop = asyncio.get_running_loop()
    silent_since_s = loop.time()
    try:
        while positions:
            found = await coming
            stretched = {p: _batches(p, part, journal) for p, part in found.items()}
            starts = dict(positions)
            for partition, batches in stretched.items():
                # Compaction leaves holes, but never takes the last record, which is the fence.
                if batches:
                    positions[partition] = batches[-1].next_offset
            positions = {p: at for p, at in positions.items() if at < ends[p]}
            if any(stretched.values()):
                silent_since_s = loop.time()
            elif loop.time() - silent_since_s > SILENCE_MAX_S:
                raise Unavailable(f"{journal}{sorted(positions)}: nothing to read below the fence")
            else:
                await link.refresh(PAUSE_S)
            # The next answer travels while this one is taken apart.
            coming = asyncio.ensure_future(link.fetch(positions))
            for partition, batches in stretched.items():
                if batches:
                    yield partition, _entries(batches, starts[partition], ends[partition])
    finally:
        coming.cancel()
        await link.close()


def _batches(partition: int, found: Fetched, journal: str) -> list[Any]:
    """The whole batches of an answer; none where asking again may help."""
    if found.error is not NoError:
        if is_transient(found.error):
            return []
        raise Unavailable(f"{journal}[{partition}]: {found.error.__name__} while reading")
    records = MemoryRecords(found.batches)
    batches = []
    while records.has_next():
        batches.append(records.next_batch())
    return batches


def _entries(batches: list[Any], start: int, end: int) -> Entries:
    # The broker checked the sums of the batches, and TLS guards the way here.
    return [
        (key, record.value)
        for batch in batches
        if not batch.is_control_batch
        for record in batch
        if start <= record.offset < end and not (key := record.key or b"").startswith(FENCE_PREFIX)
    ]
