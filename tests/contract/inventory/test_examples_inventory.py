"""Goal: the inventory understands every example of what it hears, and its own examples are true.

Method: the golden files, through the same functions as records of the log.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict
from hexi_contracts import topics as declared
from hexi_contracts.topic import Topic
from hexi_contracts.topics import (
    INVENTORY_ADMISSION,
    INVENTORY_SERVER_SET,
    INVENTORY_SITE,
    TELEMETRY_ROLLUP,
)
from hexi_inventory.domain.server_set import problems
from hexi_inventory.stream.rollups import decode_rollups
from hexi_inventory.wire.admission import admission_message, admission_of
from hexi_inventory.wire.server_set import server_set_of
from hexi_inventory.wire.site import check_site, site_message, site_of
from hexi_kit.errors import Poison
from hexi_kit.kafka.codec import encode, event_headers
from hexi_kit.kafka.record import Record
from hexi_kit.rpc.validate import Violations

EXAMPLES = Path(declared.__file__).parent.parent / "examples"


def examples(topic: Topic) -> list[Path]:
    return sorted((EXAMPLES / topic.name).glob("*.json"))


def message_of(topic: Topic, path: Path):
    assert topic.message is not None
    return ParseDict(json.loads(path.read_text(encoding="utf-8")), topic.message())


def record_of(topic: Topic, value: bytes | None, **headers: bytes) -> Record:
    own = dict(event_headers(topic, "id-1", topic.owner, 1_795_228_200_000))
    return Record(topic.name, 0, 7, b"key", value, own | headers)


@pytest.mark.parametrize("path", examples(TELEMETRY_ROLLUP), ids=lambda p: p.stem)
def test_each_rollup_is_understood(path: Path) -> None:
    message = message_of(TELEMETRY_ROLLUP, path)

    (rollup,) = decode_rollups([record_of(TELEMETRY_ROLLUP, encode(message))])

    assert rollup.site_id == message.site_id


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"\xff\xff garbage", {}),
        (b"", {}),
        (None, {}),
        (b"", {"ce_type": b"hexi.telemetry.v1.GapRecorded"}),
        (b"", {"ce_type": b"hexi.telemetry.v2.RollupClosed"}),
    ],
)
def test_anything_else_is_poison(value: bytes | None, headers: dict[str, bytes]) -> None:
    with pytest.raises(Poison):
        decode_rollups([record_of(TELEMETRY_ROLLUP, value, **headers)])


@pytest.mark.parametrize("topic", [INVENTORY_SITE, INVENTORY_SERVER_SET, INVENTORY_ADMISSION])
def test_there_are_examples_of_each_topic(topic: Topic) -> None:
    assert len(examples(topic)) >= 2


@pytest.mark.parametrize("path", examples(INVENTORY_SITE), ids=lambda p: p.stem)
def test_a_site_survives_the_wire(path: Path) -> None:
    site = message_of(INVENTORY_SITE, path).site
    found = Violations()
    check_site(found, site)

    assert len(found) == 0
    assert site_message(site_of(site)) == site


@pytest.mark.parametrize("path", examples(INVENTORY_SERVER_SET), ids=lambda p: p.stem)
def test_a_server_set_is_sound(path: Path) -> None:
    assert problems(server_set_of(message_of(INVENTORY_SERVER_SET, path))) == []


@pytest.mark.parametrize("path", examples(INVENTORY_ADMISSION), ids=lambda p: p.stem)
def test_an_admission_survives_the_wire(path: Path) -> None:
    message = message_of(INVENTORY_ADMISSION, path)

    assert admission_message(admission_of(message, 1)) == message
