"""A member of a consumer group on the real broker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

from hexi_kit.identity import Identity
from hexi_kit.kafka.connection import client_options
from hexi_kit.kafka.fetching import ask_again_soon
from hexi_kit.kafka.ports import Listener, Partition
from hexi_kit.kafka.record import Record, from_client
from hexi_kit.logs import get_logger

# An idle consumer asks the broker twice a second; data ends the wait at once.
FETCH_MAX_WAIT_MS = 500
LOST_OWNERSHIP = (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)


@dataclass(frozen=True, slots=True)
class GroupOptions:
    """Who joins which group, how much a poll may bring, how long silence may last."""

    bootstrap: str
    identity: Identity | None
    group: str
    topics: Sequence[str]
    instance_id: str = ""
    records_max: int = 2_000
    session_timeout_ms: int = 10_000


class KafkaSource:
    """Wraps one aiokafka consumer from start to stop; it never commits by itself."""

    def __init__(self, options: GroupOptions) -> None:
        self._options = options
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self, listener: Listener) -> None:
        options = self._options
        consumer = AIOKafkaConsumer(
            **client_options(options.bootstrap, options.identity),
            group_id=options.group,
            group_instance_id=options.instance_id or None,
            client_id=options.instance_id or options.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
            max_poll_records=options.records_max,
            session_timeout_ms=options.session_timeout_ms,
            heartbeat_interval_ms=options.session_timeout_ms // 5,
        )
        consumer.subscribe(list(options.topics), listener=_Rebalance(listener))
        self._consumer = consumer
        await consumer.start()
        ask_again_soon(consumer)

    async def stop(self) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    async def poll(self, timeout_ms: int) -> Mapping[Partition, list[Record]]:
        fetched = await self._live().getmany(timeout_ms=timeout_ms)
        return {
            Partition(tp.topic, tp.partition): [from_client(message) for message in messages]
            for tp, messages in sorted(fetched.items())
        }

    async def position(self, partition: Partition) -> int:
        return int(await self._live().position(TopicPartition(*partition)))

    def assigned(self) -> frozenset[Partition]:
        return frozenset(Partition(*tp) for tp in self._live().assignment())

    def seek(self, partition: Partition, offset: int) -> None:
        self._live().seek(TopicPartition(*partition), offset)

    def pause(self, partition: Partition) -> None:
        self._live().pause(TopicPartition(*partition))

    def resume(self, partition: Partition) -> None:
        self._live().resume(TopicPartition(*partition))

    async def commit(self, next_offsets: Mapping[Partition, int]) -> None:
        """Commits what is still ours; what is not will be read again by its new owner."""
        ours = self.assigned()
        offsets = {TopicPartition(*p): n for p, n in next_offsets.items() if p in ours}
        if not offsets:
            return
        try:
            await self._live().commit(offsets)
        except LOST_OWNERSHIP as error:
            get_logger().info("consumer.commit_skipped", reason=type(error).__name__)

    def _live(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("the consumer is not started")
        return self._consumer


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._listener.on_revoked(sorted(Partition(*tp) for tp in revoked))

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        await self._listener.on_assigned(sorted(Partition(*tp) for tp in assigned))
