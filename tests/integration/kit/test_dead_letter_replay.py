"""Goal: a dead letter can be seen, put back whole, and let go, each letter once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from hexi_contracts.topic import Topic
from hexi_kit.clock import SystemClock
from hexi_kit.ids import random_id
from hexi_kit.kafka.admin import ensure_topics
from hexi_kit.kafka.connection import client_options
from hexi_kit.kafka.deadletter import DeadLetterBudget, DeadLetters
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.kafka.record import Record
from hexi_kit.kafka.replay import options, replay, run, waiting
from hexi_kit.testing.log_suite import topic_named

pytestmark = pytest.mark.integration


@pytest.fixture
async def topic(kafka) -> AsyncIterator[Topic]:
    made = topic_named(f"kit.note-{random_id()}.v1")
    await ensure_topics(kafka.bootstrap, kafka.supervisor, [made])
    producer = EventProducer(kafka.bootstrap, kafka.supervisor, "kit", SystemClock())
    await producer.start()
    letters = DeadLetters({made.name: made}, "readers", producer, SystemClock(), DeadLetterBudget())
    for offset in (4, 9):
        record = Record(made.name, 1, offset, b"k", b"v%d" % offset, {"ce_id": b"e"})
        await letters.add(record, "expected a note")
    await producer.stop()
    yield made


async def test_to_look_changes_nothing(kafka, topic: Topic) -> None:
    for _ in range(2):
        letters = await replay(kafka.bootstrap, kafka.supervisor, topic.dead_letter, "stop")
        assert [letter.source_offset for letter in letters] == [4, 9]
    assert letters[0].summary()["reason"] == "expected a note"
    assert (await waiting(kafka.bootstrap, kafka.supervisor))[topic.dead_letter] == 2


async def test_what_an_operator_types(
    kafka, topic: Topic, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["--list"], ["--topic", topic.dead_letter]):
        typed = options().parse_args([*words, "--json"])
        assert await asyncio.to_thread(run, typed, kafka.bootstrap, kafka.supervisor) == 0

    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"topic": topic.dead_letter, "letters": 2} in rows
    shown = [row["source"] for row in rows if row.get("policy") == "stop"]
    assert shown == [f"{topic.name}[1]@4", f"{topic.name}[1]@9"]


async def test_put_back_where_it_came_from(kafka, topic: Topic) -> None:
    await replay(kafka.bootstrap, kafka.supervisor, topic.dead_letter, "reinsert")

    reader = AIOKafkaConsumer(
        **client_options(kafka.bootstrap, kafka.supervisor), auto_offset_reset="earliest"
    )
    await reader.start()
    reader.assign([TopicPartition(topic.name, p) for p in range(topic.partitions)])
    found = [await reader.getone(), await reader.getone()]
    await reader.stop()

    assert [(r.partition, r.key, r.value) for r in found] == [(1, b"k", b"v4"), (1, b"k", b"v9")]
    assert dict(found[0].headers) == {"ce_id": b"e"}
    assert (await waiting(kafka.bootstrap, kafka.supervisor))[topic.dead_letter] == 0


async def test_let_go(kafka, topic: Topic) -> None:
    await replay(kafka.bootstrap, kafka.supervisor, topic.dead_letter, "drop")

    assert await replay(kafka.bootstrap, kafka.supervisor, topic.dead_letter, "stop") == []
