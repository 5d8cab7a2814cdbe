"""Goal: a log that can not be applied is not left unread in silence. Method: on the real broker."""

from __future__ import annotations

import asyncio

import pytest
from hexi_contracts.topic import Topic
from hexi_kit.kafka.ports import Partition, RawRecord
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.kafka.tail import LogTail

pytestmark = pytest.mark.integration


class Reader:
    """Chokes on one record."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.grown = asyncio.Event()

    def apply(self, _: str, records) -> None:
        for record in records:
            if record.value == b"bone":
                raise ValueError("a bone")
            self.heard.append(record.value)
            self.grown.set()


async def send(producer: EventProducer, topic: Topic, value: bytes) -> None:
    await producer.send_raw(RawRecord(Partition(topic.name, 0), b"key", value, ()))


async def test_what_cannot_be_applied_ends_who_waits_for_more(kafka, topic, producer) -> None:
    reader = Reader()
    await send(producer, topic, b"soup")
    tail = LogTail(kafka.bootstrap, kafka.supervisor, [topic], reader.apply)

    with pytest.raises(ValueError, match="a bone"):
        async with tail.followed():
            assert reader.heard == [b"soup"]
            await send(producer, topic, b"bone")
            await asyncio.Event().wait()

    assert asyncio.current_task().cancelling() == 0


async def test_it_is_told_before_all_is_caught_up_too(kafka, topic, producer) -> None:
    await send(producer, topic, b"bone")
    tail = LogTail(kafka.bootstrap, kafka.supervisor, [topic], Reader().apply)

    with pytest.raises(ValueError, match="a bone"):
        async with tail.followed():
            pytest.fail("expected an end before the beginning")


async def test_who_has_enough_ends_the_reading_and_hears_its_own_error_only(
    kafka, topic, producer
) -> None:
    reader = Reader()
    tail = LogTail(kafka.bootstrap, kafka.supervisor, [topic], reader.apply)

    with pytest.raises(KeyError):
        async with tail.followed():
            await send(producer, topic, b"soup")
            await reader.grown.wait()
            raise KeyError("of the body")

    assert reader.heard == [b"soup"]
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "log tail"]
