"""Goal: every record of every partition from where its owner stands, whatever the broker forgets.

Method: on the real broker.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiokafka.errors import TopicAuthorizationFailedError
from hexi_contracts.topics import SCHEDULER_REQUEST
from hexi_kit.kafka.admin import ensure_topics
from hexi_kit.kafka.log_reader import LogReader
from hexi_kit.kafka.ports import Partition, RawRecord
from hexi_kit.kafka.producer import EventProducer
from hexi_kit.kafka.record import Record
from hexi_kit.kafka.session import FetchLimits

pytestmark = pytest.mark.integration


@pytest.fixture
async def reader(kafka, topic) -> AsyncIterator[LogReader]:
    made = LogReader(kafka.bootstrap, kafka.supervisor, [topic.name], "test")
    await made.open()
    yield made
    await made.close()


async def send(producer: EventProducer, partition: Partition, *values: bytes) -> None:
    for value in values:
        await producer.send_raw(RawRecord(partition, b"key", value, [("name", b"value")]))


async def read(reader: LogReader, positions: dict[Partition, int], count: int) -> list[Record]:
    """So many records from there on; moves `positions`."""
    found: list[Record] = []
    while len(found) < count:
        for partition, one in (await reader.read(positions)).items():
            assert one.asked == positions[partition]
            records = list(one.records(partition))
            if records:
                positions[partition] = records[-1].offset + 1
            found.extend(records)
    return found


async def test_reads_on_where_its_owner_stands(topic, producer, reader) -> None:
    one, two = Partition(topic.name, 0), Partition(topic.name, 1)
    await send(producer, one, b"1", b"2", b"3")
    await send(producer, two, b"4")
    positions = {one: 1, two: 0}

    found = await read(reader, positions, 3)
    await send(producer, two, b"5")
    later = await read(reader, positions, 1)

    assert sorted((r.partition, r.offset, r.value) for r in found) == [
        (0, 1, b"2"),
        (0, 2, b"3"),
        (1, 0, b"4"),
    ]
    assert [(r.partition, r.offset, r.value) for r in later] == [(1, 1, b"5")]
    assert later[0].headers == {"name": b"value"}
    assert later[0].key == b"key"


async def test_what_was_not_taken_comes_again(topic, producer, reader) -> None:
    one = Partition(topic.name, 0)
    await send(producer, one, b"1")

    first = await read(reader, {one: 0}, 1)
    again = await read(reader, {one: 0}, 1)

    assert first == again


async def test_goes_on_when_the_broker_knows_no_session(topic, producer, reader) -> None:
    one = Partition(topic.name, 0)
    positions = {one: 0}
    await send(producer, one, b"1")
    await read(reader, positions, 1)
    for session in reader._topics[topic.name]._sessions.values():
        session._id += 1

    await send(producer, one, b"2")

    assert [r.value for r in await read(reader, positions, 1)] == [b"2"]


async def test_says_that_an_offset_is_no_longer_kept(kafka, topic, reader) -> None:
    one = Partition(topic.name, 0)

    found = await reader.read({one: 1_000})

    assert found[one].is_gone
    assert await reader.begins([one]) == {one: 0}


async def test_a_message_above_the_limits_comes_all_the_same(kafka, topic, producer) -> None:
    partitions = [Partition(topic.name, number) for number in (0, 1)]
    large = bytes(100_000)
    for partition in partitions:
        await send(producer, partition, large, large)
    limits = FetchLimits(partition_bytes=1_000, bytes=4_000)
    small = LogReader(kafka.bootstrap, kafka.supervisor, [topic.name], "test", limits)
    await small.open()
    try:
        found = await read(small, dict.fromkeys(partitions, 0), 4)
    finally:
        await small.close()

    assert sorted((r.partition, r.offset) for r in found) == [(0, 0), (0, 1), (1, 0), (1, 1)]


async def test_who_may_not_read_is_told(kafka) -> None:
    await ensure_topics(kafka.bootstrap, kafka.supervisor, [SCHEDULER_REQUEST])
    stranger = kafka.identity("settlement")
    assert "settlement" not in SCHEDULER_REQUEST.consumers
    reader = LogReader(kafka.bootstrap, stranger, [SCHEDULER_REQUEST.name], "test")
    await reader.open()
    try:
        with pytest.raises(TopicAuthorizationFailedError):
            await read(reader, {Partition(SCHEDULER_REQUEST.name, 0): 0}, 1)
    finally:
        await reader.close()
