"""Goal: the monitor understands every example of every topic it hears; anything else is Poison.

Method: the golden files, through the same readers as records of the log.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict
from hexi_contracts import topics as declared
from hexi_contracts.topic import Topic
from hexi_contracts.topics import INVENTORY_SERVER_SET, SECURITY_DIRECTIVE, SECURITY_EVENT
from hexi_kit.errors import Poison
from hexi_kit.kafka.codec import decode, encode, event_headers
from hexi_kit.kafka.record import Record
from hexi_security_monitor.stream.monitor import EARS, TOPICS
from hexi_security_monitor.wire.events import event_of

EXAMPLES = Path(declared.__file__).parent.parent / "examples"
FILES = [(t, path) for t in TOPICS for path in sorted((EXAMPLES / t.name).glob("*.json"))]
READERS = {ear.topic.name: ear.read for ear in EARS}


def record_of(topic: Topic, value: bytes | None, **headers: bytes) -> Record:
    own = dict(event_headers(topic, "id-1", topic.owner, 1_795_228_200_000))
    return Record(topic.name, 0, 7, b"key", value, own | headers)


def value_of(topic: Topic, path: Path) -> bytes:
    document = json.loads(path.read_text(encoding="utf-8"))
    return encode(ParseDict(document, topic.message()) if topic.message else document)


def hear(topic: Topic, record: Record) -> object:
    return READERS[topic.name](decode(topic, record))


def test_every_topic_that_lists_the_monitor_is_heard() -> None:
    listed = {topic.name for topic in declared.ALL if "security-monitor" in topic.consumers}
    assert listed == set(READERS)


@pytest.mark.parametrize(("topic", "path"), FILES, ids=lambda v: getattr(v, "stem", None))
def test_each_example_is_understood(topic: Topic, path: Path) -> None:
    hear(topic, record_of(topic, value_of(topic, path)))


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"\xff\xff garbage", {}),
        (None, {}),
        (b"{}", {"ce_type": b"hexi.nobody.v1.Nothing"}),
        (b"{}", {"ce_type": b""}),
        (b"{}", {"ce_specversion": b"2.0"}),
    ],
)
def test_anything_else_is_poison(
    topic: Topic, value: bytes | None, headers: dict[str, bytes]
) -> None:
    with pytest.raises(Poison):
        hear(topic, record_of(topic, value, **headers))


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (("type_uid",), 1),
        (("time",), "now"),
        (("time",), 0),
        (("time",), 10**18),
        (("metadata", "version"), "2.0.0"),
        (("metadata", "uid"), ""),
        (("metadata", "uid"), "a b"),
        (("unmapped", "hexi", "kind"), "Frame Refused"),
        (("unmapped", "hexi", "site_id"), "../etc"),
        (("unmapped", "hexi", "racks"), ["r\x00"]),
        (("unmapped", "hexi", "racks"), ["\ud800"]),
        (("unmapped", "hexi", "count"), -1),
        (("unmapped", "hexi"), None),
    ],
)
def test_an_event_with_one_wrong_attribute_is_poison(place: tuple[str, ...], wrong: object) -> None:
    document = json.loads((EXAMPLES / SECURITY_EVENT.name / "frame-forged.json").read_text("utf-8"))
    inner = document
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = wrong

    with pytest.raises(Poison):
        event_of(document)


def test_a_refused_frame_may_be_absurd_and_its_event_is_still_heard() -> None:
    document = json.loads((EXAMPLES / SECURITY_EVENT.name / "frame-forged.json").read_text("utf-8"))
    document["unmapped"]["hexi"] |= {"server_set_revision": 2**64 - 1, "sequence": 2**64 - 1}

    assert event_of(document).server_set_revision == 0


def test_racks_that_no_set_names_are_poison() -> None:
    assert INVENTORY_SERVER_SET.message is not None
    message = INVENTORY_SERVER_SET.message(site_id="lanzhou", revision=1, rack_index=[0])
    with pytest.raises(Poison):
        hear(INVENTORY_SERVER_SET, record_of(INVENTORY_SERVER_SET, encode(message)))


@pytest.mark.parametrize("path", sorted((EXAMPLES / SECURITY_DIRECTIVE.name).glob("*.json")))
def test_a_directive_is_what_it_says(path: Path) -> None:
    message = decode(
        SECURITY_DIRECTIVE, record_of(SECURITY_DIRECTIVE, value_of(SECURITY_DIRECTIVE, path))
    )
    assert message.directive_id and message.racks
