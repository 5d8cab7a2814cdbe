"""What the consumer and the dead letters need from a log: the real broker or one in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from google.protobuf.message import Message
from hexi_contracts.topic import Topic

from hexi_kit.kafka.record import Outgoing, Record


class Partition(NamedTuple):
    """One partition of one topic; orders by name, then number."""

    topic: str
    number: int


def by_topic(items: Iterable[tuple[Partition, Any]]) -> list[tuple[str, list[Any]]]:
    """As requests name partitions: (topic, items of its partitions)."""
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for partition, item in items:
        found[partition.topic].append(item)
    return list(found.items())


Handler = Callable[[list[Record]], Awaitable[None]]
"""Gets records, each partition's in order. Returns: done. Raises Busy or Poison, or is broken."""

Marks = Callable[[str, int], Awaitable[int | None]]
"""Next offset of (topic, partition) as the database has it; None where it has none."""


class Publisher(Protocol):
    """Events out; every method returns when they are acknowledged."""

    async def send(
        self,
        topic: Topic,
        key: str,
        message: Message | Mapping[str, object],
        *,
        event_id: str,
        partition: int | None = None,
        traceparent: str = "",
    ) -> None: ...

    async def send_all(self, events: Iterable[Outgoing]) -> None: ...

    async def send_raw(self, raw: RawRecord) -> None: ...


class RawRecord(NamedTuple):
    """Bytes for one partition, as they are: dead letters and their way back."""

    partition: Partition
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Listener(Protocol):
    """Told about ownership; `on_revoked` may still commit, `on_assigned` may still seek."""

    async def on_revoked(self, partitions: Sequence[Partition]) -> None: ...

    async def on_assigned(self, partitions: Sequence[Partition]) -> None: ...


class RecordSource(Protocol):
    """One member of a consumer group, without any policy."""

    async def start(self, listener: Listener) -> None: ...

    async def stop(self) -> None: ...

    async def poll(self, timeout_ms: int) -> Mapping[Partition, list[Record]]: ...

    async def position(self, partition: Partition) -> int: ...

    def assigned(self) -> frozenset[Partition]: ...

    def seek(self, partition: Partition, offset: int) -> None: ...

    def pause(self, partition: Partition) -> None: ...

    def resume(self, partition: Partition) -> None: ...

    async def commit(self, next_offsets: Mapping[Partition, int]) -> None: ...
