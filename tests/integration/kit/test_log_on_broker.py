"""The real broker passes the suite of the one in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hexi_kit.clock import SystemClock
from hexi_kit.ids import random_id
from hexi_kit.kafka.admin import ensure_topics
from hexi_kit.kafka.consumer import ConsumerGroup, ConsumerOptions
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.testing.log_suite import LogSuite, World, topic_named

pytestmark = pytest.mark.integration


@pytest.fixture
async def world(kafka) -> AsyncIterator[World]:
    run = random_id()
    topic = topic_named(f"kit.note-{run}.v1")
    await ensure_topics(kafka.bootstrap, kafka.supervisor, [topic])
    producer = EventProducer(kafka.bootstrap, kafka.supervisor, "kit", SystemClock())
    await producer.start()

    def join(options: ConsumerOptions, handler: object, **rest: object) -> ConsumerGroup:
        mine = replace(
            options,
            bootstrap=kafka.bootstrap,
            identity=kafka.supervisor,
            group=f"{options.group}-{run}",
        )
        return ConsumerGroup(mine, handler, **rest)

    yield World(topic, producer, join)
    await producer.stop()


class TestLogOnBroker(LogSuite):
    pass
