"""Goal: one owner at a time, whatever the old one believes; asserted by reading the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from hexi_contracts.topic import Topic
from hexi_kit.clock import SystemClock
from hexi_kit.ids import random_id
from hexi_kit.journal.appender import JournalAppender
from hexi_kit.journal.ownership import Fenced, JournalBroken
from hexi_kit.journal.reader import read_journal
from hexi_kit.journal.table import Journal
from hexi_kit.kafka.admin import ensure_topics
from hexi_kit.kafka.batch import EntryTooLarge
from hexi_kit.testing.log_suite import topic_named

pytestmark = pytest.mark.integration


@dataclass
class Shelf:
    """One journal topic, and pens for it."""

    kafka: object
    topic: Topic

    def pen(self) -> JournalAppender:
        kafka = self.kafka
        return JournalAppender(kafka.bootstrap, kafka.supervisor, self.topic, SystemClock())

    def journal(self) -> Journal:
        kafka = self.kafka
        return Journal(kafka.bootstrap, kafka.supervisor, self.topic, SystemClock())

    async def read(self, partition: int, end: int) -> list[bytes]:
        kafka, found = self.kafka, []
        stretch = {partition: (0, end)}
        async for _, entries in read_journal(
            kafka.bootstrap, kafka.supervisor, self.topic.name, stretch
        ):
            found += [key for key, _ in entries]
        return found


@pytest.fixture
async def shelf(kafka) -> Shelf:
    topic = topic_named(f"kit.journal-{random_id()}.v1")
    topic = replace(topic, cleanup="compact", message_bytes_max=100_000)
    await ensure_topics(kafka.bootstrap, kafka.supervisor, [topic])
    return Shelf(kafka, topic)


@pytest.fixture
async def pens(shelf: Shelf) -> AsyncIterator[tuple[JournalAppender, JournalAppender]]:
    pens = shelf.pen(), shelf.pen()
    for pen in pens:
        await pen.start()
    yield pens
    for pen in pens:
        await pen.stop()


def entries(*names: str) -> list[tuple[bytes, bytes | None]]:
    return [(name.encode(), b"v") for name in names]


async def test_a_claim_silences_the_owner_before(shelf: Shelf, pens) -> None:
    old, new = pens
    await old.claim(0)
    await old.append(0, entries("a", "b"))
    claim = await new.claim(0)

    with pytest.raises(Fenced):
        await old.append(0, entries("never"))
    end = await new.append(0, entries("c")) + 1

    assert claim.offset == 3
    assert await shelf.read(0, end) == [b"a", b"b", b"c"]


async def test_a_fenced_partition_leaves_the_others_whole(shelf: Shelf, pens) -> None:
    old, new = pens
    await old.claim(0)
    await old.claim(1)
    await new.claim(0)

    with pytest.raises(Fenced):
        await old.append_many({0: entries("never"), 1: entries("a")})
    await old.append(1, entries("b"))

    assert await shelf.read(1, 3) == [b"a", b"b"]


async def test_what_was_never_claimed_cannot_be_written(pens) -> None:
    with pytest.raises(Fenced):
        await pens[0].append(0, entries("never"))


async def test_a_batch_sent_again_is_in_the_log_once(shelf: Shelf, pens) -> None:
    pen, _ = pens
    await pen.claim(0)
    link, produce = pen._link, pen._link.produce

    async def answer_is_lost(batches):
        await produce(batches)
        link.produce = produce
        return await produce(batches)

    link.produce = answer_is_lost
    first = await pen.append(0, entries("a", "b"))
    second = await pen.append(0, entries("c"))

    assert (first, second) == (1, 3)
    assert await shelf.read(0, 4) == [b"a", b"b", b"c"]


async def test_an_append_cut_off_must_be_followed_by_a_claim(shelf: Shelf, pens) -> None:
    pen, _ = pens
    await pen.claim(0)
    pen._link.produce = lambda _: asyncio.get_running_loop().create_future()
    cut = asyncio.create_task(pen.append(0, entries("perhaps")))
    await asyncio.wait([cut], timeout=0.01)
    cut.cancel()
    await asyncio.gather(cut, return_exceptions=True)
    del pen._link.produce

    with pytest.raises(JournalBroken):
        await pen.append(0, entries("b"))
    await pen.claim(0)
    await pen.append(0, entries("c"))

    assert await shelf.read(0, 3) == [b"c"]


async def test_much_is_split_and_stays_in_order(shelf: Shelf, pens) -> None:
    pen, _ = pens
    await pen.claim(0)
    names = [f"k{n:03}" for n in range(30)]

    first = await pen.append(0, [(name.encode(), b"x" * 20_000) for name in names])
    with pytest.raises(EntryTooLarge):
        await pen.append(0, [(b"big", b"x" * 200_000)])

    assert first == 1
    assert await shelf.read(0, 31) == [name.encode() for name in names]


async def test_memory_is_what_the_log_says(shelf: Shelf) -> None:
    told: list[tuple[int, dict[bytes, bytes]]] = []
    one, two = shelf.journal(), shelf.journal()
    two.on_recover(lambda partition, items: told.append((partition, dict(items))))
    await one.start()
    await two.start()
    await one.recover(frozenset({0}))
    await one.append(0, [(b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"c", b"1")])
    await one.append(0, [(b"b", None)])

    await two.recover(frozenset({0}))
    with pytest.raises(Fenced):
        await one.append(0, [(b"d", b"1")])

    assert told == [(0, {b"a": b"2", b"c": b"1"})]
    assert list(two.items(0)) == [b"a", b"c"]
    await one.stop()
    await two.stop()


async def test_a_partition_kept_is_not_read_again_and_one_regained_is(shelf: Shelf) -> None:
    told: list[int] = []
    one, two = shelf.journal(), shelf.journal()
    one.on_recover(lambda partition, _: told.append(partition))
    for journal in (one, two):
        await journal.start()
    await one.recover(frozenset({0, 1}))
    await one.append_many({0: [(b"a", b"1")], 1: [(b"b", b"1")]})
    await two.recover(frozenset({1}))
    await two.append(1, [(b"c", b"2")])

    await one.recover(frozenset({0, 1}))

    assert told == [0, 1, 1]
    assert dict(one.items(0)) == {b"a": b"1"}
    assert dict(one.items(1)) == {b"b": b"1", b"c": b"2"}
    for journal in (one, two):
        await journal.stop()
