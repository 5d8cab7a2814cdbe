"""Goal: an executor misses no order and a slow one is told. Method: the board alone."""

import pytest
from hexi.scheduler.v1 import place_pb2, workload_pb2
from hexi_kit.errors import ResourceExhausted
from hexi_scheduler.store.orders import OrderBoard


def record(name: str, state: int = place_pb2.PLACEMENT_STATE_PLACED, executor: str = "fleet"):
    return place_pb2.PlacementRecord(
        placement_id=name,
        site_id="lanzhou",
        workload=workload_pb2.Workload(workload_id=f"w-{name}"),
        state=state,
        executor=executor,
    )


async def test_the_full_picture_comes_first_and_then_the_changes():
    live = [record(f"p{n}") for n in range(5)] + [record("h", executor="host")]
    gone = record("old", place_pb2.PLACEMENT_STATE_ENDED)
    board = OrderBoard(lambda _: [*live, gone])
    feed = board.follow("lanzhou", frozenset({"fleet"}), 2)

    first: list[str] = []
    async for message in feed:
        first += [order.placement_id for order in message.orders]
        if message.complete:
            break
    board.publish("lanzhou", [record("p9"), record("p1", place_pb2.PLACEMENT_STATE_EVICTED)])
    change = await anext(feed)

    assert first == ["p0", "p1", "p2", "p3", "p4"]
    assert [(o.placement_id, o.run) for o in change.orders] == [("p9", True), ("p1", False)]
    await feed.aclose()
    assert not board.is_watched("lanzhou")


async def test_an_order_between_the_picture_and_the_first_change_is_not_lost():
    board = OrderBoard(lambda _: [record("p0")])
    feed = board.follow("lanzhou", frozenset({"fleet"}), 10)

    await anext(feed)
    board.publish("lanzhou", [record("p1")])
    complete = await anext(feed)
    change = await anext(feed)

    assert complete.complete
    assert [o.placement_id for o in change.orders] == ["p1"]


async def test_a_slow_watcher_is_cut_and_told_to_come_again():
    board = OrderBoard(lambda _: [], queue_max=3)
    feed = board.follow("lanzhou", frozenset({"fleet"}), 10)
    await anext(feed)

    board.publish("lanzhou", [record(f"p{n}") for n in range(4)])

    with pytest.raises(ResourceExhausted):
        await anext(feed)


async def test_orders_of_another_site_or_executor_are_not_seen():
    board = OrderBoard(lambda _: [])
    feed = board.follow("lanzhou", frozenset({"host"}), 10)
    await anext(feed)

    board.publish("qingyang", [record("p0", executor="host")])
    board.publish("lanzhou", [record("p1"), record("p2", executor="host")])

    assert [o.placement_id for o in (await anext(feed)).orders] == ["p2"]
