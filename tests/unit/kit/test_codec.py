"""CloudEvents out and in: what is refused, and with which words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hexi_contracts.topics import SCHEDULER_REQUEST, SECURITY_EVENT
from hexi_kit.errors import Poison
from hexi_kit.kafka.codec import decode, decode_all, encode, event_headers
from hexi_kit.kafka.record import Record
from hexi_kit.testing.log_suite import topic_named
from hypothesis import given
from hypothesis import strategies as st

TOPIC = topic_named("kit.note.v1")
TIME_MS = 1_790_000_000_123


def record(value: bytes | None, topic=TOPIC, **changed: bytes) -> Record:
    headers = dict(event_headers(topic, "e1", "kit", TIME_MS, "00-aa-bb-01"))
    headers |= {name.replace("__", "-"): text for name, text in changed.items()}
    return Record(topic.name, 0, 7, b"k", value, headers)


def test_headers_of_a_protobuf_event() -> None:
    headers = dict(event_headers(TOPIC, "e1", "kit", TIME_MS, "00-aa-bb-01"))

    assert headers == {
        "ce_id": b"e1",
        "ce_source": b"kit",
        "ce_type": b"google.protobuf.StringValue",
        "ce_specversion": b"1.0",
        "ce_time": b"2026-09-21T14:13:20.123Z",
        "ce_dataschema": b"urn:hexi:proto:google.protobuf.StringValue",
        "content-type": b"application/protobuf",
        "traceparent": b"00-aa-bb-01",
    }


def test_headers_of_a_security_event() -> None:
    headers = dict(event_headers(SECURITY_EVENT, "e1", "kit", TIME_MS))

    assert headers["content-type"] == b"application/json"
    assert headers["ce_type"] == b"ocsf"
    assert "traceparent" not in headers


@given(st.text())
def test_a_message_comes_back(text: str) -> None:
    assert decode(TOPIC, record(encode(StringValue(value=text)))).value == text


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none()))
def test_a_document_comes_back(document: dict) -> None:
    assert decode(SECURITY_EVENT, record(encode(document), SECURITY_EVENT)) == document


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (record(b"\xff\xff"), "was 2 bytes of garbage"),
        (record(None), "was a tombstone"),
        (record(b"", ce_type=b"hexi.other.v1.Thing"), "was hexi.other.v1.Thing"),
        (record(b"", ce_type=b""), "was missing"),
        (record(b"", ce_specversion=b"0.3"), "expected ce_specversion 1.0"),
        (replace(record(b""), headers={}), "was missing"),
    ],
)
def test_what_is_no_event_of_the_topic_is_poison(bad: Record, reason: str) -> None:
    with pytest.raises(Poison, match=reason):
        decode(TOPIC, bad)


def test_a_later_major_version_is_named() -> None:
    name = SCHEDULER_REQUEST.ce_type.replace(".v1.", ".v2.").encode()

    with pytest.raises(Poison, match=r"expected major version 1 of .*, was 2"):
        decode(SCHEDULER_REQUEST, record(b"", SCHEDULER_REQUEST, ce_type=name))


@pytest.mark.parametrize("value", [b"{", b"[]", b"\xff"])
def test_what_is_no_json_object_is_poison(value: bytes) -> None:
    with pytest.raises(Poison, match="expected"):
        decode(SECURITY_EVENT, record(value, SECURITY_EVENT))


def test_the_bad_one_of_a_batch_is_named() -> None:
    good = record(encode(StringValue(value="a")))

    with pytest.raises(Poison) as caught:
        decode_all(TOPIC, [good, record(b"\xff"), good])

    assert caught.value.index == 1


@given(st.binary(max_size=200), st.dictionaries(st.text(), st.binary(max_size=20), max_size=4))
def test_any_bytes_are_a_message_or_poison(value: bytes, headers: dict[str, bytes]) -> None:
    for topic in (TOPIC, SECURITY_EVENT):
        for given_headers in (headers, dict(event_headers(topic, "e", "kit", TIME_MS))):
            arrived = Record(topic.name, 0, 0, None, value, given_headers)
            try:
                decode(topic, arrived)
            except Poison as poison:
                assert poison.reason
