"""Goal: the order log shares batches, gates are told once a quarter, watchers get the last picture.

Method: the doors over a broker in memory and a clock that is moved by hand.
"""

from __future__ import annotations

import asyncio

import pytest
from hexi_contracts.topics import MARKETPLACE_ORDER
from hexi_kit.errors import ResourceExhausted, Unavailable
from hexi_kit.kafka.codec import decode
from hexi_kit.testing.broker import FakeBroker
from hexi_kit.testing.clock import ManualClock
from hexi_kit.testing.producer import FakeProducer
from hexi_marketplace.domain.command import Cancel, Intend
from hexi_marketplace.domain.market import Market
from hexi_marketplace.domain.product import SLOT_MS, product_of
from hexi_marketplace.handlers.watch_depth import WATCHERS_MAX, DepthFeed
from hexi_marketplace.stream.order_log import KafkaOrderLog
from hexi_marketplace.stream.timers import GateKeeper

NOW_MS = 1_795_228_200_000
PRODUCT = product_of("general", "B", "jinchang", NOW_MS + 4 * SLOT_MS)
SHARD = PRODUCT.shard


class CountingProducer(FakeProducer):
    """Remembers how many events came in each call; may be away."""

    calls: list[int]
    away = False

    async def send_all(self, events) -> None:
        events = list(events)
        self.calls.append(len(events))
        if self.away:
            raise Unavailable("the log does not answer")
        await super().send_all(events)


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker({MARKETPLACE_ORDER.name: MARKETPLACE_ORDER.partitions})


@pytest.fixture
def producer(broker: FakeBroker) -> CountingProducer:
    made = CountingProducer(broker, "marketplace", ManualClock(NOW_MS))
    made.calls = []
    return made


def cancel(number: int) -> Cancel:
    return Cancel(f"order-{number}", PRODUCT.product_id, "buyer")


async def test_those_who_wait_together_share_a_batch(
    broker: FakeBroker, producer: CountingProducer
) -> None:
    log = KafkaOrderLog(producer, ManualClock(NOW_MS))
    await asyncio.gather(*(log.record(cancel(number), SHARD) for number in range(50)))

    assert producer.calls == [50]
    records = broker.records(MARKETPLACE_ORDER.name)
    heard = [decode(MARKETPLACE_ORDER, record).cancel.order_id for record in records]
    assert heard == [f"order-{number}" for number in range(50)]
    assert {record.partition for record in records} == {MARKETPLACE_ORDER.partition_of(SHARD)}


async def test_a_log_that_is_away_says_so_to_each_and_goes_on(
    broker: FakeBroker, producer: CountingProducer
) -> None:
    log = KafkaOrderLog(producer, ManualClock(NOW_MS))
    producer.away = True
    told = await asyncio.gather(
        *(log.record(cancel(number), SHARD) for number in range(3)), return_exceptions=True
    )
    producer.away = False
    await log.record(cancel(9), SHARD)

    assert [type(error) for error in told] == [Unavailable] * 3
    assert len(broker.records(MARKETPLACE_ORDER.name)) == 1


async def test_a_caller_who_left_disturbs_nobody(
    broker: FakeBroker, producer: CountingProducer
) -> None:
    log = KafkaOrderLog(producer, ManualClock(NOW_MS))
    gone = asyncio.create_task(log.record(cancel(1), SHARD))
    await asyncio.sleep(0)  # lets it hand its command in
    gone.cancel()
    await log.record(cancel(2), SHARD)

    assert len(broker.records(MARKETPLACE_ORDER.name)) == 2


async def test_who_comes_when_too_many_wait_is_sent_away(
    broker: FakeBroker, producer: CountingProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hexi_marketplace.stream.order_log.WAITING_MAX", 2)
    log = KafkaOrderLog(producer, ManualClock(NOW_MS))
    waiting = [asyncio.create_task(log.record(cancel(number), SHARD)) for number in range(2)]
    await asyncio.sleep(0)  # lets both hand their commands in

    with pytest.raises(ResourceExhausted):
        await log.record(cancel(3), SHARD)

    await asyncio.gather(*waiting)
    assert len(broker.records(MARKETPLACE_ORDER.name)) == 2


async def test_gates_are_told_once_a_quarter_and_only_where_something_rests(
    broker: FakeBroker, producer: CountingProducer
) -> None:
    clock, market = ManualClock(NOW_MS + 60_000), Market(MARKETPLACE_ORDER.partitions)
    shard = market.shard_of(PRODUCT)
    shard.apply(Intend("bid", PRODUCT.product_id, "buyer", 1), NOW_MS + 60_000, 0)
    log = KafkaOrderLog(producer, clock)
    gates = GateKeeper(market, log, clock)

    await gates.tell()
    assert broker.records(MARKETPLACE_ORDER.name) == []
    clock.advance(SLOT_MS)
    await gates.tell()

    (record,) = broker.records(MARKETPLACE_ORDER.name)
    message = decode(MARKETPLACE_ORDER, record)
    assert (record.partition, message.gate.now_ms) == (shard.number, NOW_MS + 60_000 + SLOT_MS)


async def test_a_gate_that_the_log_did_not_take_is_told_at_the_next_look(
    broker: FakeBroker, producer: CountingProducer
) -> None:
    clock, market = ManualClock(NOW_MS + SLOT_MS), Market(MARKETPLACE_ORDER.partitions)
    market.shard_of(PRODUCT).apply(Intend("bid", PRODUCT.product_id, "buyer", 1), NOW_MS, 0)
    gates = GateKeeper(market, KafkaOrderLog(producer, clock), clock)
    producer.away = True

    looking = asyncio.create_task(gates.run())
    await clock.until_sleepers(1)
    assert broker.records(MARKETPLACE_ORDER.name) == []
    producer.away = False
    clock.advance(60_000)
    await clock.until_sleepers(1)
    looking.cancel()

    assert len(broker.records(MARKETPLACE_ORDER.name)) == 1


async def test_a_slow_watcher_gets_each_changed_book_once() -> None:
    feed = DepthFeed()
    with feed.watch(frozenset()) as everything, feed.watch(frozenset({"b"})) as one:
        feed.changed(["a"])
        feed.changed(["b", "a"])
        feed.changed(["c"])

        assert await everything.news() == ["a", "b", "c"]
        assert await one.news() == ["b"]
        feed.changed(["a"])
        assert await everything.news() == ["a"]


async def test_watchers_are_bounded() -> None:
    feed = DepthFeed()
    watches = [feed.watch(frozenset()) for _ in range(WATCHERS_MAX)]
    for watch in watches:
        watch.__enter__()
    with pytest.raises(ResourceExhausted), feed.watch(frozenset()):
        pass
    watches[0].__exit__(None, None, None)
    with feed.watch(frozenset()):
        pass
