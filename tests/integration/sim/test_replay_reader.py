"""Goal: replay reads the logs of a real broker, and may do nothing else there. Method: its own
certificate against the rights of the contracts."""

from __future__ import annotations

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import TopicAuthorizationFailedError
from hexi.scheduler.v1 import route_pb2
from hexi_contracts import topics
from hexi_kit.kafka.admin import ensure_topics
from hexi_kit.kafka.connection import client_options
from hexi_sim.replay.broker_log import READER, open_broker

pytestmark = pytest.mark.integration

REQUEST = topics.SCHEDULER_REQUEST


async def send(kafka, identity) -> None:
    # Without idempotence: that would be refused before the topic is asked for.
    producer = AIOKafkaProducer(
        **client_options(kafka.bootstrap, identity), enable_idempotence=False
    )
    await producer.start()
    try:
        value = route_pb2.Request(recorded_at_ms=1).SerializeToString()
        await producer.send_and_wait(REQUEST.name, value, partition=3)
    finally:
        await producer.stop()


async def test_replay_may_read_and_nothing_else(kafka) -> None:
    await ensure_topics(kafka.bootstrap, kafka.supervisor, [REQUEST])
    await send(kafka, kafka.supervisor)
    reader = kafka.identity(READER)

    async with open_broker(kafka.bootstrap, reader) as history:
        found = await history.records(REQUEST, 3)
        assert found[-1].value == route_pb2.Request(recorded_at_ms=1).SerializeToString()
    with pytest.raises(TopicAuthorizationFailedError):
        await send(kafka, reader)
