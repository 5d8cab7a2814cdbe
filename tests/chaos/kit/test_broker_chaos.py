"""Goal: a broker killed with -9 under writers and readers loses nothing and doubles nothing.

Method: a broker of its own is killed and started again while a journal and a topic are written.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hexi_kit.clock import SystemClock
from hexi_kit.journal.appender import JournalAppender
from hexi_kit.journal.reader import read_journal
from hexi_kit.kafka.admin import ensure_topics
from hexi_kit.kafka.consumer import ConsumerGroup, ConsumerOptions
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.kafka.record import Outgoing
from hexi_kit.testing.log_suite import Reader, topic_named
from hexi_local.kafka import EmbeddedKafka

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(400)]
ROUNDS_BEFORE, ROUNDS_AFTER, PER_ROUND = 200, 200, 10


@pytest.fixture
async def own_kafka(tmp_path) -> AsyncIterator[EmbeddedKafka]:
    broker = EmbeddedKafka(tmp_path, tmp_path / "pki")
    await broker.start()
    yield broker
    await broker.stop()


async def bounce(broker: EmbeddedKafka) -> None:
    os.kill(broker.child.pid, signal.SIGKILL)
    await broker.child.wait()
    await broker.start()


async def test_appends_and_events_across_a_killed_broker(own_kafka: EmbeddedKafka) -> None:
    bootstrap, identity = own_kafka.bootstrap, own_kafka.supervisor
    events = topic_named("kit.note.v1")
    journal = replace(topic_named("kit.journal.v1"), cleanup="compact")
    await ensure_topics(bootstrap, identity, [events, journal])
    pen = JournalAppender(bootstrap, identity, journal, SystemClock())
    producer = EventProducer(bootstrap, identity, "kit", SystemClock())
    reader = Reader(events)
    options = ConsumerOptions(bootstrap, identity, "readers", [events], "one")
    group = ConsumerGroup(options, reader, publisher=producer, clock=SystemClock())
    for part in (pen, producer, group):
        await part.start()
    await pen.claim(0)

    killed = None
    for n in range(ROUNDS_BEFORE + ROUNDS_AFTER):
        if n == ROUNDS_BEFORE:
            killed = asyncio.create_task(bounce(own_kafka))
        numbers = range(n * PER_ROUND, (n + 1) * PER_ROUND)
        await pen.append(0, [(b"%d" % number, b"v") for number in numbers])
        notes = [StringValue(value=str(number)) for number in numbers]
        await producer.send_all(Outgoing(events, "k", note, "e", 0) for note in notes)
    await killed
    total = (ROUNDS_BEFORE + ROUNDS_AFTER) * PER_ROUND
    await reader.until(total)
    end = (await pen.claim(0)).offset
    stretch = {0: (0, end)}
    written = []
    async for _, entries in read_journal(bootstrap, identity, journal.name, stretch):
        written += [int(key) for key, _ in entries]
    for part in (group, producer, pen):
        await part.stop()

    assert written == list(range(total))
    assert sorted(set(reader.values)) == list(range(total))
