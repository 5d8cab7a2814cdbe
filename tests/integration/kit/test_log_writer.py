"""Goal: what is handed in stands in the log once and in order, or its sender hears why not.

Method: on the real broker, whose memory of the producer is contradicted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from aiokafka.errors import MessageSizeTooLargeError, TopicAuthorizationFailedError
from hexi_contracts.topics import SCHEDULER_REQUEST
from hexi_kit.clock import SystemClock
from hexi_kit.kafka.batch import EntryTooLarge
from hexi_kit.kafka.log_reader import LogReader
from hexi_kit.kafka.log_writer import ENTRY_BYTES_MAX, LogWriter
from hexi_kit.kafka.ports import Partition

pytestmark = pytest.mark.integration


@pytest.fixture
async def writer(kafka) -> AsyncIterator[LogWriter]:
    made = LogWriter(kafka.bootstrap, kafka.supervisor, "test", SystemClock())
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def read(kafka, topic):
    """Values of a partition, so many."""
    reader = LogReader(kafka.bootstrap, kafka.supervisor, [topic.name], "test")
    await reader.open()

    async def values(partition: Partition, count: int) -> list[bytes | None]:
        found: list[bytes | None] = []
        at = 0
        async with asyncio.timeout(30):
            while len(found) < count:
                fetched = (await reader.read({partition: at})).get(partition)
                records = list(fetched.records(partition)) if fetched else []
                found += [record.value for record in records]
                at = records[-1].offset + 1 if records else at
        return found

    yield values
    await reader.close()


def entries(*values: bytes) -> Sequence[tuple[bytes, bytes, list[tuple[str, bytes]]]]:
    return [(b"key", value, []) for value in values]


def numbers(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


async def test_what_comes_while_a_batch_travels_follows_in_order(topic, writer, read) -> None:
    parts = [Partition(topic.name, 0), Partition(topic.name, 1)]

    waits = []
    for value in numbers(500):
        waits += [writer.add(partition, entries(value)) for partition in parts]
        if len(waits) % 20 == 0:
            # Some batches are on their way, and what comes now has to wait.
            await waits[-1 - len(waits) // 2]
    await asyncio.gather(*waits)

    for partition in parts:
        assert await read(partition, 500) == numbers(500)


async def test_more_than_a_batch_takes_goes_in_several(topic, writer, read) -> None:
    partition = Partition(topic.name, 0)
    large = [b"%d" % number * 100_000 for number in range(9)]

    await writer.add(partition, entries(*large))

    assert await read(partition, 9) == large


@pytest.mark.parametrize("skew", [3, -1])
async def test_a_broker_that_counts_otherwise_is_given_a_new_producer(
    topic, writer, read, skew: int
) -> None:
    partition = Partition(topic.name, 0)
    await writer.add(partition, entries(b"1", b"2"))

    # As if the broker had lost, or had not been told, what we remember.
    lane = writer._lanes[partition]
    lane.sequence += skew
    await writer.add(partition, entries(b"3"))
    await writer.add(partition, entries(b"4"))

    assert await read(partition, 4) == [b"1", b"2", b"3", b"4"]


async def test_what_the_topic_does_not_take_fails_alone(topic, writer, read) -> None:
    one, two = Partition(topic.name, 0), Partition(topic.name, 1)

    large = writer.add(one, entries(b"x" * (2 * topic.message_bytes_max)))
    small = writer.add(two, entries(b"1"))
    await small
    with pytest.raises(MessageSizeTooLargeError):
        await large
    await writer.add(one, entries(b"2"))

    assert await read(two, 1) == [b"1"]
    assert await read(one, 1) == [b"2"]


async def test_what_no_topic_takes_is_refused_unsent_and_alone(topic, writer, read) -> None:
    one, two = Partition(topic.name, 0), Partition(topic.name, 1)

    large = writer.add(one, entries(b"x" * ENTRY_BYTES_MAX))
    await writer.add(two, entries(b"1"))

    with pytest.raises(EntryTooLarge):
        await large
    assert await read(two, 1) == [b"1"]


async def test_after_an_answer_nobody_could_read_nothing_is_taken_for_sent(
    topic, writer, read, monkeypatch
) -> None:
    partition = Partition(topic.name, 0)
    await writer.add(partition, entries(b"1"))
    produce = writer._link.produce

    async def written_and_unread(batches):
        await produce(batches)
        raise ValueError("not an answer")

    with monkeypatch.context() as patched:
        patched.setattr(writer._link, "produce", written_and_unread)
        with pytest.raises(ValueError, match="not an answer"):
            await writer.add(partition, entries(b"2"))
    await writer.add(partition, entries(b"3"))

    assert await read(partition, 3) == [b"1", b"2", b"3"]


async def test_who_may_not_write_hears_so(kafka) -> None:
    writer = LogWriter(kafka.bootstrap, kafka.identity("settlement"), "test", SystemClock())
    await writer.open()

    with pytest.raises(TopicAuthorizationFailedError):
        await writer.add(Partition(SCHEDULER_REQUEST.name, 0), entries(b"1"))
    await writer.close()


async def test_who_waited_and_left_disturbs_nobody(topic, writer, read) -> None:
    partition = Partition(topic.name, 0)

    gone = writer.add(partition, entries(b"1"))
    stays = writer.add(partition, entries(b"2"))
    gone.cancel()
    await stays

    assert await read(partition, 2) == [b"1", b"2"]


async def test_close_waits_for_what_was_handed_in(kafka, topic, read) -> None:
    writer = LogWriter(kafka.bootstrap, kafka.supervisor, "test", SystemClock())
    await writer.open()
    done = writer.add(Partition(topic.name, 0), entries(b"1"))

    await writer.close()

    assert done.done()
    assert await read(Partition(topic.name, 0), 1) == [b"1"]
    with pytest.raises(RuntimeError, match="expected an open log"):
        writer.add(Partition(topic.name, 0), entries(b"2"))
