"""Goal: every example of every topic the scheduler hears is understood; anything else is Poison.

Method: the golden files, through the same functions as records of the log.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict
from hexi_contracts import topics
from hexi_contracts.topic import Topic
from hexi_kit.errors import Poison
from hexi_kit.kafka.codec import decode, encode, event_headers
from hexi_kit.kafka.deadletter import REASON, DeadLetterBudget, DeadLetters
from hexi_kit.kafka.record import Record
from hexi_kit.testing.broker import FakeBroker
from hexi_kit.testing.clock import ManualClock
from hexi_kit.testing.producer import FakeProducer
from hexi_scheduler.domain.place.policy import BestFit
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.step_place import step as step_place
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.route.step_route import step as step_route
from hexi_scheduler.settings import condition_rules, route_policy
from hexi_scheduler.stream.conditions import Conditions
from hexi_scheduler.stream.facts import HEARD, Facts
from hexi_scheduler.wire import place_commands, place_journal, route
from hexi_scheduler.wire.offer import offer, site_state
from hexi_scheduler.wire.workload import WorkloadReader

EXAMPLES = Path(topics.__file__).resolve().parents[1] / "examples"
LISTED = [topic for topic in topics.ALL if "scheduler" in topic.consumers]
FILES = [
    (topic, path.stem, path.read_text(encoding="utf-8"))
    for topic in LISTED
    for path in sorted((EXAMPLES / topic.name).glob("*.json"))
]


class Hearing:
    """Everything of the scheduler that hears a topic, on a broker in memory."""

    def __init__(self) -> None:
        clock = ManualClock()
        self.broker = FakeBroker({topics.SCHEDULER_COMMAND.name: 16, "telemetry.frame.v1.dlq": 1})
        producer = FakeProducer(self.broker, "scheduler", clock)
        letters = DeadLetters(
            {topics.TELEMETRY_FRAME.name: topics.TELEMETRY_FRAME},
            "scheduler-worker",
            producer,
            clock,
            DeadLetterBudget(),
        )
        self.facts = Facts(producer, clock)
        self.frames = Conditions(condition_rules(), producer, letters, clock, lambda _: None)
        self.reader = WorkloadReader()

    async def hear(self, topic: Topic, record: Record) -> None:
        if topic.name in HEARD:
            await self.facts.handle([record])
            assert self.broker.records(topics.SCHEDULER_COMMAND.name)
        elif topic is topics.TELEMETRY_FRAME:
            await self.frames.handle({record.partition: [record]})
        else:
            self._own(topic, decode(topic, record), record)

    def _own(self, topic: Topic, message, record: Record) -> None:
        if topic is topics.SCHEDULER_REQUEST:
            router = Router(route_policy())
            events = step_route(router, route.request(message, self.reader), 1)
            for _, value in route.entries(events, 0, 7):
                assert value is None or route.entry(value, self.reader) is not None
        elif topic is topics.SCHEDULER_COMMAND:
            site = Site(message.site_id)
            events = step_place(site, place_commands.command(message, self.reader), 1, BestFit())
            for _, value in place_journal.entries(message.site_id, events, 0, 7):
                assert value is None or place_journal.entry(value, self.reader) is not None
        elif topic is topics.SCHEDULER_ROUTE:
            assert route.entry(record.value or b"", self.reader) is not None
        elif topic is topics.SCHEDULER_PLACEMENT:
            event, offset = place_journal.entry(record.value or b"", self.reader) or (None, -1)
            ((_, again),) = place_journal.entries("s", [event], 7, offset)
            assert (place_journal.entry(again or b"", self.reader) or (None,))[0] == event
        else:
            assert site_state(offer(message)) == message


def record_of(topic: Topic, value: bytes | None, **headers: bytes) -> Record:
    own = dict(event_headers(topic, "id-1", topic.owner, 1_795_228_200_000))
    return Record(topic.name, 0, 7, b"key", value, own | headers)


@pytest.mark.parametrize(
    ("topic", "text"),
    [(topic, text) for topic, _, text in FILES],
    ids=[f"{topic.name}-{name}" for topic, name, _ in FILES],
)
async def test_an_example_is_decoded_and_handled(topic: Topic, text: str) -> None:
    assert topic.message is not None
    message = ParseDict(json.loads(text), topic.message())

    hearing = Hearing()
    await hearing.hear(topic, record_of(topic, encode(message)))

    if topic is topics.TELEMETRY_FRAME:
        letters = hearing.broker.records("telemetry.frame.v1.dlq")
        assert [letter.headers[REASON] for letter in letters] == []


def test_every_listed_topic_has_an_example() -> None:
    assert {topic.name for topic, *_ in FILES} == {topic.name for topic in LISTED}


@pytest.mark.parametrize("topic", [t for t in LISTED if t.name in HEARD], ids=lambda t: t.name)
@pytest.mark.parametrize("value", [b"\xff\xff garbage", b""], ids=["garbage", "empty"])
async def test_what_says_nothing_of_a_site_is_poison(topic: Topic, value: bytes) -> None:
    with pytest.raises(Poison):
        await Hearing().hear(topic, record_of(topic, value))


async def test_another_version_is_poison_and_a_tombstone_is_nothing() -> None:
    facts = Hearing().facts
    strange = record_of(topics.INVENTORY_SITE, b"", ce_type=b"hexi.inventory.v9.SiteRecorded")
    with pytest.raises(Poison):
        await facts.handle([strange])
    await facts.handle([record_of(topics.INVENTORY_SITE, None)])
