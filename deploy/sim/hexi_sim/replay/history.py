"""Histories: the four logs of the scheduler as segments that can be kept in a folder.

A segment is one topic: xz over length-prefixed records, each its partition, offset and time, then
key, value and the headers a stage reads.
"""

from __future__ import annotations

import lzma
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from hexi_contracts import topics
from hexi_contracts.topic import Topic
from hexi_kit.errors import InvalidArgument, Violation
from hexi_kit.kafka.record import Record

LOGS = (
    topics.SCHEDULER_REQUEST,
    topics.SCHEDULER_ROUTE,
    topics.SCHEDULER_COMMAND,
    topics.SCHEDULER_PLACEMENT,
)
SUFFIX = ".log.xz"
HEADERS = ("ce_type", "ce_specversion", "traceparent")
HEAD = struct.Struct(">IQQ")  # partition, offset, timestamp_ms
LENGTH = struct.Struct(">i")
NONE = -1


class History(Protocol):
    """Records of one partition of one log, in order."""

    async def records(self, topic: Topic, partition: int) -> list[Record]: ...


class MemoryHistory:
    """All records at hand."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._records: defaultdict[tuple[str, int], list[Record]] = defaultdict(list)
        for record in records:
            self._records[record.topic, record.partition].append(record)

    async def records(self, topic: Topic, partition: int) -> list[Record]:
        return self._records[topic.name, partition]


class SegmentFolder:
    """A folder that `export` has filled; a log is read when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        missing = [topic.name for topic in LOGS if not (folder / f"{topic.name}{SUFFIX}").exists()]
        if missing:
            why = f"expected segments of {', '.join(missing)} in {folder}"
            raise InvalidArgument([Violation("from", why)])
        self._folder = folder
        self._read: dict[str, MemoryHistory] = {}

    async def records(self, topic: Topic, partition: int) -> list[Record]:
        name = topic.name
        if name not in self._read:
            self._read[name] = MemoryHistory(read_segment(self._folder / f"{name}{SUFFIX}", name))
        return await self._read[name].records(topic, partition)


async def export(history: History, folder: Path) -> dict[str, int]:
    """Write every log of a history into a folder; how many records each has."""
    counts: dict[str, int] = {}
    for topic in LOGS:
        path = folder / f"{topic.name}{SUFFIX}"
        with lzma.open(path, "wb", preset=6) as file:
            counts[topic.name] = 0
            for partition in range(topic.partitions):
                for record in await history.records(topic, partition):
                    file.write(_encoded(record))
                    counts[topic.name] += 1
    return counts


def read_segment(path: Path, topic: str) -> Iterator[Record]:
    """The records of one segment.

    Raises:
        InvalidArgument: the file is none, or ends inside a record.
    """
    with lzma.open(path, "rb") as file:
        try:
            while head := file.read(HEAD.size):
                partition, offset, at_ms = HEAD.unpack(head)
                key, value, *headers = [_part(file) for _ in range(2 + len(HEADERS))]
                found = {
                    name: header
                    for name, header in zip(HEADERS, headers, strict=True)
                    if header is not None
                }
                yield Record(topic, partition, offset, key, value, found, at_ms)
        except (struct.error, lzma.LZMAError, EOFError) as error:
            why = f"expected a whole segment, was cut or garbage: {error}"
            raise InvalidArgument([Violation(path.name, why)]) from error


def _encoded(record: Record) -> bytes:
    parts = [record.key, record.value, *(record.headers.get(name) for name in HEADERS)]
    head = HEAD.pack(record.partition, record.offset, record.timestamp_ms)
    return head + b"".join(
        LENGTH.pack(NONE) if part is None else LENGTH.pack(len(part)) + part for part in parts
    )


def _part(file: BinaryIO | lzma.LZMAFile) -> bytes | None:
    (size,) = LENGTH.unpack(file.read(LENGTH.size))
    if size == NONE:
        return None
    part = file.read(size)
    if len(part) != size:
        raise EOFError(f"{len(part)} of {size} bytes")
    return part
