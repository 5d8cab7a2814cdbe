"""A log in memory under the real stages: journals that are heard as they grow, letters that lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hexi_contracts.topic import Topic
from hexi_kit.journal.table import Items
from hexi_kit.kafka.batch import Entry
from hexi_kit.kafka.ports import RawRecord
from hexi_kit.kafka.record import Outgoing, Record

KeyValue = tuple[bytes, bytes | None]


class MemoryJournal:
    """Stands where a stage expects its Journal; `heard` is told what was appended."""

    def __init__(self, topic: Topic, heard: Callable[[int, Sequence[Entry]], None]) -> None:
        self.topic, self._heard = topic, heard
        self._items: dict[int, dict[bytes, bytes]] = {}

    def on_recover(self, callback: Any) -> Any:
        """Whoever drives the stage recovers it: nobody is called."""
        return callback

    def on_release(self, callback: Any) -> Any:
        return callback

    @property
    def partitions(self) -> frozenset[int]:
        return frozenset(self._items)

    def items(self, partition: int) -> Items:
        return self._items.setdefault(partition, {})

    async def append_many(self, entries: Mapping[int, Sequence[Entry]]) -> dict[int, int]:
        for partition, written in entries.items():
            self._heard(partition, written)
        return dict.fromkeys(entries, 0)


class Outbox:
    """Stands where a stage expects its publisher; `deliver` gets each event."""

    def __init__(self, deliver: Callable[[Outgoing], None]) -> None:
        self._deliver = deliver

    async def send_all(self, events: Iterable[Outgoing]) -> None:
        for event in events:
            self._deliver(event)

    async def send_raw(self, raw: RawRecord) -> None:
        raise NotImplementedError(f"nothing raw is sent to {raw.partition}")


class Letters:
    """Stands where a stage expects dead letters: counts them."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    async def add(self, record: Record, reason: str) -> None:
        self.reasons.append(f"{record.topic}[{record.partition}]@{record.offset}: {reason}")


def remember(items: dict[bytes, bytes], entries: Iterable[Entry]) -> None:
    """Newest values by key in the order of writing, as a journal's memory keeps them."""
    for key, value, *_ in entries:
        items.pop(key, None)
        if value is not None:
            items[key] = value
