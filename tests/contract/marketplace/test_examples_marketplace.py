"""Goal: every example of every topic the marketplace hears is understood; anything else is Poison.

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
    INVENTORY_SERVER_SET,
    MARKETPLACE_DEPTH,
    MARKETPLACE_LEASE,
    MARKETPLACE_ORDER,
    MARKETPLACE_TRADE,
)
from hexi_kit.errors import Poison
from hexi_kit.kafka.codec import decode, encode, event_headers
from hexi_kit.kafka.deadletter import REASON, DeadLetterBudget, DeadLetters
from hexi_kit.kafka.record import Record
from hexi_kit.testing.broker import FakeBroker
from hexi_kit.testing.clock import ManualClock
from hexi_kit.testing.producer import FakeProducer
from hexi_marketplace.domain.shard import Shard
from hexi_marketplace.domain.supply import Supply
from hexi_marketplace.stream.facts import FACT_TOPICS, Facts
from hexi_marketplace.stream.turn import Turn
from hexi_marketplace.wire.commands import read_command, write_command
from hexi_marketplace.wire.events import NOTHING, last_position

EXAMPLES = Path(declared.__file__).parent.parent / "examples"
HEARD = [t for t in declared.ALL if "marketplace" in t.consumers]
FILES = [(topic, path) for topic in HEARD for path in (EXAMPLES / topic.name).glob("*.json")]


def record_of(topic: Topic, value: bytes | None, **headers: bytes) -> Record:
    own = dict(event_headers(topic, "id-1", topic.owner, 1_795_228_200_000))
    return Record(topic.name, 0, 7, b"key", value, own | headers)


def facts_and_broker() -> tuple[Facts, FakeBroker]:
    broker = FakeBroker({topic.dead_letter: 1 for topic in FACT_TOPICS})
    clock = ManualClock()
    letters = DeadLetters(
        {topic.name: topic for topic in FACT_TOPICS},
        "marketplace",
        FakeProducer(broker, "marketplace", clock),
        clock,
        DeadLetterBudget(),
    )
    return Facts(Supply(), letters), broker


def hear(topic: Topic, record: Record) -> None:
    if topic in FACT_TOPICS:
        facts_and_broker()[0].handle(record)
    elif topic is MARKETPLACE_ORDER:
        Turn(Shard(0), NOTHING, NOTHING).apply(decode(topic, record), record.offset)
    elif topic in (MARKETPLACE_TRADE, MARKETPLACE_LEASE):
        assert last_position(topic, record.value or b"") > NOTHING
    else:
        assert topic is MARKETPLACE_DEPTH
        assert decode(topic, record).sequence > 0


@pytest.mark.parametrize(("topic", "path"), FILES, ids=lambda v: getattr(v, "stem", None))
def test_each_example_is_understood(topic: Topic, path: Path) -> None:
    assert topic.message is not None
    message = ParseDict(json.loads(path.read_text(encoding="utf-8")), topic.message())

    hear(topic, record_of(topic, encode(message)))


@pytest.mark.parametrize("path", sorted((EXAMPLES / MARKETPLACE_ORDER.name).glob("*.json")))
def test_a_command_survives_the_wire(path: Path) -> None:
    message = MARKETPLACE_ORDER.message()
    ParseDict(json.loads(path.read_text(encoding="utf-8")), message)

    assert write_command(read_command(message), message.recorded_at_ms) == message


@pytest.mark.parametrize("topic", [*FACT_TOPICS, MARKETPLACE_ORDER], ids=lambda t: t.name)
@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"\xff\xff garbage", {}),
        (b"", {}),
        (b"", {"ce_type": b"hexi.scheduler.v1.SiteState"}),
        (b"", {"ce_type": b""}),
        (b"", {"ce_specversion": b"2.0"}),
    ],
)
def test_anything_else_is_poison(topic: Topic, value: bytes, headers: dict[str, bytes]) -> None:
    with pytest.raises(Poison):
        hear(topic, record_of(topic, value, **headers))


def test_columns_that_do_not_fit_are_poison() -> None:
    assert INVENTORY_SERVER_SET.message is not None
    for broken in (
        {"rack_index": [0, 0], "cpu_milli": [1], "racks": ["r"]},
        {"rack_index": [1], "cpu_milli": [1], "racks": ["r"]},
        {
            "rack_index": [0],
            "cpu_milli": [1],
            "racks": ["r"],
            "accelerator_index": [1],
            "accelerators": [1],
        },
    ):
        message = INVENTORY_SERVER_SET.message(site_id="lanzhou", **broken)
        with pytest.raises(Poison):
            hear(INVENTORY_SERVER_SET, record_of(INVENTORY_SERVER_SET, encode(message)))


async def test_a_poisoned_fact_becomes_a_dead_letter_and_the_next_is_heard() -> None:
    facts, broker = facts_and_broker()
    bad = record_of(INVENTORY_SERVER_SET, b"\xff")

    facts.apply(bad.topic, [bad, bad])
    await facts.carry_one()

    (letter,) = broker.records(INVENTORY_SERVER_SET.dead_letter)
    assert b"garbage" in letter.headers[REASON]
