"""A topic of a test's own, and who writes to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hexi_contracts.topic import Topic
from hexi_kit.clock import SystemClock
from hexi_kit.ids import random_id
from hexi_kit.kafka.admin import ensure_topics
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.testing.log_suite import topic_named


@pytest.fixture
async def topic(kafka) -> Topic:
    found = topic_named(f"kit.log-{random_id()}.v1")
    await ensure_topics(kafka.bootstrap, kafka.supervisor, [found])
    return found


@pytest.fixture
async def producer(kafka) -> AsyncIterator[EventProducer]:
    made = EventProducer(kafka.bootstrap, kafka.supervisor, "kit", SystemClock())
    await made.start()
    yield made
    await made.stop()
