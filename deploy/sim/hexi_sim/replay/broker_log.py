"""The scheduler's logs as a broker has them, read by one that may do nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from hexi_contracts.topic import Topic
from hexi_kit.clock import SystemClock
from hexi_kit.errors import InvalidArgument, Violation
from hexi_kit.identity import Identity, LocalAuthority
from hexi_kit.kafka.connection import client_options
from hexi_kit.kafka.record import Record, from_client
from hexi_local.kafka import EmbeddedKafka
from hexi_local.network import until
from hexi_local.options import LocalOptions
from hexi_local.plan import issue_service
from hexi_local.state import StateDir, read_json

from hexi_sim.replay.history import HEADERS

READER = "replay"
POLL_TIMEOUT_MS = 500
TOPIC_TIMEOUT_S = 15.0
FETCH_BYTES = 8 * 1024 * 1024


class BrokerHistory:
    """Partitions from their beginning to where they end when they are asked for."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def records(self, topic: Topic, partition: int) -> list[Record]:
        """
        Raises:
            InvalidArgument: the broker has no such topic.
        """
        await self._find(topic.name)
        consumer, tp = self._consumer, TopicPartition(topic.name, partition)
        consumer.assign([tp])
        await consumer.seek_to_beginning(tp)
        end = (await consumer.end_offsets([tp]))[tp]
        found: list[Record] = []
        # Positions, not records: compaction leaves holes.
        while await consumer.position(tp) < end:
            fetched = await consumer.getmany(tp, timeout_ms=POLL_TIMEOUT_MS)
            found.extend(_record(message) for message in fetched.get(tp, ()))
        return [record for record in found if record.offset < end]

    async def _find(self, name: str) -> None:
        """A broker that has just begun knows its topics one after the other."""

        async def is_there() -> bool:
            return name in await self._consumer.topics()

        try:
            async with asyncio.timeout(TOPIC_TIMEOUT_S):
                await until(is_there, SystemClock())
        except TimeoutError as error:
            reason = f"expected {name} on its broker, was not there: nothing was decided yet"
            raise InvalidArgument([Violation("state_dir", reason)]) from error


@asynccontextmanager
async def open_broker(bootstrap: str, identity: Identity | None) -> AsyncIterator[BrokerHistory]:
    """Read a broker that runs; without a group, so that nobody sees us."""
    consumer = AIOKafkaConsumer(
        **client_options(bootstrap, identity),
        group_id=None,
        enable_auto_commit=False,
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    await consumer.start()
    try:
        yield BrokerHistory(consumer)
    finally:
        await consumer.stop()


@asynccontextmanager
async def open_local(options: LocalOptions) -> AsyncIterator[BrokerHistory]:
    """The Hexi of a state directory: as it runs, or its broker alone where it is stopped."""
    state = StateDir(options.state_dir)
    bootstrap = options.kafka_bootstrap or read_json(state.run_file).get("kafka", "")
    identity = issue_service(LocalAuthority(state.pki), READER)
    if bootstrap:
        async with open_broker(bootstrap, identity) as history:
            yield history
        return
    with state.lock():
        kafka = EmbeddedKafka(state.root, state.pki)
        await kafka.start()
        try:
            async with open_broker(kafka.bootstrap, identity) as history:
                yield history
        finally:
            await kafka.stop()


def _record(message: Any) -> Record:
    record = from_client(message)
    headers = record.headers
    return replace(record, headers={name: headers[name] for name in HEADERS if name in headers})
