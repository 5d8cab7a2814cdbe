"""CloudEvents 1.0 in binary mode: headers out, typed messages in, or Poison with a reason."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from google.protobuf.message import DecodeError, Message
from hexi_contracts.topic import Topic

from hexi_kit.errors import Poison
from hexi_kit.kafka.record import Record

SPEC_VERSION = b"1.0"
MAJOR = re.compile(r"\.v(\d+)\.")

CONTENT_TYPE = {True: b"application/protobuf", False: b"application/json"}


def event_headers(
    topic: Topic, event_id: str, source: str, time_ms: int, traceparent: str = ""
) -> list[tuple[str, bytes]]:
    """Headers of one event, in one fixed order."""
    fixed = _fixed_headers(topic, source)
    moment = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
    headers = [
        ("ce_id", event_id.encode()),
        ("ce_time", moment.replace("+00:00", "Z").encode()),
        *fixed,
    ]
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    return headers


@lru_cache(maxsize=256)
def _fixed_headers(topic: Topic, source: str) -> tuple[tuple[str, bytes], ...]:
    schema = f"urn:hexi:proto:{topic.ce_type}" if topic.message else "urn:ocsf:1.8.0"
    return (
        ("ce_source", source.encode()),
        ("ce_type", topic.ce_type.encode()),
        ("ce_specversion", SPEC_VERSION),
        ("ce_dataschema", schema.encode()),
        ("content-type", CONTENT_TYPE[topic.message is not None]),
    )


def encode(message: Message | Mapping[str, object] | bytes) -> bytes:
    """Bytes of a protobuf message, or of OCSF JSON; equal messages give equal bytes."""
    if isinstance(message, bytes):
        return message
    if isinstance(message, Message):
        return message.SerializeToString(deterministic=True)
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode()


def decode(topic: Topic, record: Record) -> Any:
    """The message (or, on an OCSF topic, the dict) of `record`; anything else is Poison."""
    _check_headers(topic, record.headers)
    return decode_value(topic, record.value)


def decode_all(topic: Topic, records: Sequence[Record]) -> list[Any]:
    """All messages of a batch; Poison names the index of the first that is none."""
    messages = []
    for index, record in enumerate(records):
        try:
            messages.append(decode(topic, record))
        except Poison as poison:
            raise Poison(poison.reason, index) from poison
    return messages


def decode_value(topic: Topic, value: bytes | None) -> Any:
    """The message of a bare value, as journals carry it."""
    if value is None:
        raise Poison("expected a value, was a tombstone")
    if topic.message is None:
        return _decode_json(value)
    message = topic.message()
    try:
        message.ParseFromString(value)
    except DecodeError as error:
        raise Poison(f"expected {topic.ce_type}, was {len(value)} bytes of garbage") from error
    return message


def _decode_json(value: bytes) -> dict[str, Any]:
    try:
        document = json.loads(value)
    except ValueError as error:
        raise Poison(f"expected JSON, was {len(value)} bytes of garbage") from error
    if not isinstance(document, dict):
        raise Poison(f"expected a JSON object, was {type(document).__name__}")
    return document


def _check_headers(topic: Topic, headers: Mapping[str, bytes]) -> None:
    if headers.get("ce_type") == topic.ce_type.encode():
        if headers.get("ce_specversion") != SPEC_VERSION:
            raise Poison("expected ce_specversion 1.0, was another or missing")
        return
    given = headers.get("ce_type", b"").decode(errors="replace")[:200]
    if not given:
        raise Poison(f"expected ce_type {topic.ce_type}, was missing")
    ours, theirs = MAJOR.search(topic.ce_type), MAJOR.search(given)
    if ours and theirs and MAJOR.sub(".", given) == MAJOR.sub(".", topic.ce_type):
        raise Poison(f"expected major version {ours[1]} of {topic.ce_type}, was {theirs[1]}")
    raise Poison(f"expected ce_type {topic.ce_type}, was {given}")
