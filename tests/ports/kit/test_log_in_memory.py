"""The broker in memory passes the suite of the real one."""

from __future__ import annotations

import pytest
from hexi_kit.clock import SystemClock
from hexi_kit.kafka.consumer import ConsumerGroup
from hexi_kit.testing.broker import FakeBroker
from hexi_kit.testing.consumer import FakeConsumer
from hexi_kit.testing.log_suite import LogSuite, World, topic_named
from hexi_kit.testing.producer import FakeProducer


@pytest.fixture
def world() -> World:
    topic = topic_named("kit.note.v1")
    broker = FakeBroker({topic.name: 2, topic.dead_letter: 1})

    def join(options: object, handler: object, **rest: object) -> ConsumerGroup:
        return FakeConsumer(broker, options, handler, **rest)

    return World(topic, FakeProducer(broker, "test", SystemClock()), join)


class TestLogInMemory(LogSuite):
    pass
