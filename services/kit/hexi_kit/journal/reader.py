"""Reads a stretch of a journal as fast as one client can: what recovery waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition

from hexi_kit.errors import Unavailable
from hexi_kit.identity import Identity
from hexi_kit.journal.ownership import is_fence
from hexi_kit.kafka.connection import client_options

FETCH_BYTES = 8 * 1024 * 1024
POLL_RECORDS = 10_000
POLL_TIMEOUT_MS = 500
# A broker that brings nothing for so long has lost what it acknowledged, or is gone.
SILENCE_MAX_S = 20.0

Stretch = tuple[int, int]
"""From this offset up to, but not including, that one."""


async def read_journal(
    bootstrap: str, identity: Identity | None, journal: str, stretches: Mapping[int, Stretch]
) -> AsyncIterator[tuple[int, list[tuple[bytes, bytes | None]]]]:
    """Batches of (partition, entries) in the order of each partition; fences are left out."""
    open_until = {p: end for p, (start, end) in stretches.items() if start < end}
    if not open_until:
        return
    consumer = AIOKafkaConsumer(
        **client_options(bootstrap, identity),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_bytes=FETCH_BYTES * 4,
        max_poll_records=POLL_RECORDS,
        check_crcs=False,  # the broker checked them, and TLS guards the way here
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(journal, p) for p in sorted(open_until)])
        for partition in open_until:
            consumer.seek(TopicPartition(journal, partition), stretches[partition][0])
        async for part in _read_until(consumer, journal, open_until):
            yield part
    finally:
        await consumer.stop()


async def _read_until(
    consumer: AIOKafkaConsumer, journal: str, open_until: dict[int, int]
) -> AsyncIterator[tuple[int, list[tuple[bytes, bytes | None]]]]:
    loop = asyncio.get_running_loop()
    silent_since_s = loop.time()
    while open_until:
        fetched = await consumer.getmany(timeout_ms=POLL_TIMEOUT_MS)
        if fetched:
            silent_since_s = loop.time()
        elif loop.time() - silent_since_s > SILENCE_MAX_S:
            raise Unavailable(f"{journal}{sorted(open_until)}: nothing to read below the fence")
        for tp, records in fetched.items():
            end = open_until.get(tp.partition)
            if end is None:
                continue
            yield (
                tp.partition,
                [(r.key, r.value) for r in records if r.offset < end and not is_fence(r.key)],
            )
            # Compaction leaves holes, but never takes the last record, which is the fence.
            if records[-1].offset >= end - 1:
                del open_until[tp.partition]
                consumer.pause(tp)
