"""Says in which fields a journal record and its replay differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from hexi_contracts.topic import Topic

FIELDS_MAX = 20
ABSENT = "(absent)"


class FieldDiff(NamedTuple):
    """One leaf that is not the same."""

    field: str
    journal: str
    replayed: str


class Difference(NamedTuple):
    """The first record of a partition that is not as it was, or has no cause, or is missing."""

    topic: str
    partition: int
    offset: int
    command_offset: int
    reason: str
    fields: tuple[FieldDiff, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.topic}[{self.partition}] record {self.offset}: {self.reason}"]
        lines += [f"  {f.field}: journal {f.journal}, replayed {f.replayed}" for f in self.fields]
        return "\n".join(lines)


def fields_of(topic: Topic, journal: bytes | None, replayed: bytes | None) -> tuple[FieldDiff, ...]:
    """What differs, by the path of the field; a tombstone has none."""
    before, now = _plain(topic, journal), _plain(topic, replayed)
    found = list(_leaves("", before, now))
    if not found and journal != replayed:
        found = [FieldDiff("(bytes)", str(len(journal or b"")), str(len(replayed or b"")))]
    return tuple(found[:FIELDS_MAX])


def _plain(topic: Topic, value: bytes | None) -> Any:
    if value is None:
        return "(tombstone)"
    assert topic.message is not None
    try:
        message = topic.message.FromString(value)
    except DecodeError:
        return f"({len(value)} bytes of garbage)"
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def _leaves(path: str, before: Any, now: Any) -> Iterator[FieldDiff]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            yield from _leaves(f"{path}.{key}" if path else key, before.get(key), now.get(key))
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for index, pair in enumerate(zip(before, now, strict=True)):
            yield from _leaves(f"{path}[{index}]", *pair)
    elif before != now:
        yield FieldDiff(path or "(record)", _text(before), _text(now))


def _text(leaf: Any) -> str:
    return ABSENT if leaf is None else str(leaf)[:200]
