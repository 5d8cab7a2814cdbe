"""Goal: an order goes in at the door, its trade and lease come out on the log, once, whatever dies.

Method: real processes on the real broker, killed at named points; the order log, matched again by
the pure shard, says what must stand in the outputs.
"""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace

import grpc
import pytest
from hexi.marketplace.v1 import marketplace_pb2 as pb
from hexi.marketplace.v1 import marketplace_service_pb2 as rpc
from hexi.settlement.v1 import settlement_pb2
from hexi_contracts.topics import (
    MARKETPLACE_LEASE,
    MARKETPLACE_ORDER,
    MARKETPLACE_TRADE,
)
from hexi_kit.clock import SystemClock
from hexi_kit.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
)
from hexi_kit.identity import Principal
from hexi_kit.ids import seeded
from hexi_kit.kafka.codec import decode
from hexi_kit.kafka.ports import Partition, RawRecord
from hexi_kit.rpc.status import from_rpc_error
from hexi_marketplace.domain.market import Market
from hexi_marketplace.domain.product import SLOT_MS, first_open_slot_ms, product_of
from hexi_marketplace.wire.commands import read_command
from hexi_marketplace.wire.events import outputs_of

pytestmark = pytest.mark.integration

BUYER = Principal("trader", "main", "buyer")
POOR = Principal("trader", "main", "poor")
SELLER = Principal("trader", "main", "seller")
GTC = pb.TIME_IN_FORCE_GOOD_TILL_CANCELLED
BUY, SELL = pb.SIDE_BUY, pb.SIDE_SELL
GARBAGE = b"\xff garbage"
WAVE = 20


def product(world, slot: int = 4, grade: str = "B") -> str:
    start_ms = first_open_slot_ms(SystemClock().now_ms()) + slot * SLOT_MS
    return product_of("general", grade, world.site, start_ms).product_id


def request(account: str, key: str, side: int, product_id: str, **rest) -> rpc.PlaceOrderRequest:
    wanted = {"price_micro_yuan": 15_000, "units": 10, "time_in_force": GTC, **rest}
    return rpc.PlaceOrderRequest(
        idempotency_key=key,
        account=account,
        tenant_id="tenant-1",
        product_id=product_id,
        side=side,
        **wanted,
    )


async def refused(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def expected(world) -> tuple[list[bytes], list[bytes]]:
    """Trades and leases that the order log, matched from its beginning, owes."""
    market = Market(MARKETPLACE_ORDER.partitions)
    trades, leases = [], []
    for record in await world.read(MARKETPLACE_ORDER):
        if record.value == GARBAGE:
            continue
        message = decode(MARKETPLACE_ORDER, record)
        shard = market.shards[record.partition]
        events = shard.apply(read_command(message), message.recorded_at_ms, record.offset)
        owed = outputs_of(record.partition, record.offset, events)
        trades += owed[0]
        leases += owed[1]
    return (
        [output.message.SerializeToString(deterministic=True) for output in trades],
        [output.message.SerializeToString(deterministic=True) for output in leases],
    )


async def check_outputs(world) -> int:
    """Outputs are what the log owes: nothing missing, nothing twice, in order."""
    trades, leases = await expected(world)
    await world.until(MARKETPLACE_TRADE, lambda seen: len(seen) >= len(trades))
    await world.until(MARKETPLACE_LEASE, lambda seen: len(seen) >= len(leases))
    assert [record.value for record in await world.read(MARKETPLACE_TRADE)] == trades
    assert [record.value for record in await world.read(MARKETPLACE_LEASE)] == leases
    return len(leases)


async def test_an_order_becomes_a_trade_and_a_lease(world) -> None:
    service = await world.start()
    seller, buyer = world.stub(service, SELLER), world.stub(service, BUYER)
    name = product(world)
    listed = await buyer.ListProducts(rpc.ListProductsRequest(site_id=world.site, page_size=5))
    assert name in [one.product_id for one in listed.products]

    await seller.PlaceOrder(request("seller", "s1", SELL, name, price_micro_yuan=14_000))
    bid = await buyer.PlaceOrder(request("buyer", f"{name}-b1", BUY, name, units=4))

    await world.until(MARKETPLACE_LEASE, lambda seen: any(world.site in str(r.key) for r in seen))
    view = (await buyer.GetOrder(rpc.GetOrderRequest(order_id=bid.order_id))).view
    assert view.state == pb.ORDER_STATE_FILLED
    hold = world.purse.holds[view.order.hold_id]
    assert (hold.amount_fen, hold.subject) == (6, bid.order_id)
    trades = await buyer.ListTrades(rpc.ListTradesRequest(product_id=name, account="buyer"))
    assert [(t.units, t.price_micro_yuan, t.tenant_id) for t in trades.trades] == [
        (4, 14_000, "tenant-1")
    ]
    assert trades.trades[0].seller_account == ""
    book = (await seller.GetBook(rpc.GetBookRequest(product_id=name))).depth
    assert [(one.price_micro_yuan, one.units) for one in book.asks] == [(14_000, 6)]
    assert book.sequence == 2
    async for picture in buyer.StreamDepth(rpc.StreamDepthRequest(product_ids=[name])):
        assert picture.depth.sequence == 2
        break
    assert await check_outputs(world) >= 1


async def test_bad_orders_are_refused_with_reasons(world) -> None:
    service = await world.start()
    seller, buyer, poor = (world.stub(service, who) for who in (SELLER, BUYER, POOR))
    name = product(world)

    error = await refused(buyer.PlaceOrder(request("buyer", "k", BUY, name, price_micro_yuan=150)))
    assert isinstance(error, InvalidArgument)
    assert "price-tick 100 micro-yuan since 2022-09-23" in str(error)
    error = await refused(buyer.PlaceOrder(rpc.PlaceOrderRequest()))
    assert isinstance(error, InvalidArgument)
    assert {v.field for v in error.violations} >= {"idempotency_key", "side", "units", "product_id"}
    error = await refused(buyer.PlaceOrder(request("seller", "k", BUY, name)))
    assert isinstance(error, PermissionDenied)
    error = await refused(buyer.PlaceOrder(request("buyer", "k", SELL, name)))
    assert isinstance(error, PermissionDenied)
    error = await refused(buyer.PlaceOrder(request("buyer", "k", BUY, product(world, grade="A"))))
    assert isinstance(error, FailedPrecondition)
    error = await refused(buyer.PlaceOrder(request("buyer", "k", BUY, product(world, slot=-1))))
    assert isinstance(error, FailedPrecondition)
    error = await refused(poor.PlaceOrder(request("poor", "k", BUY, name)))
    assert isinstance(error, FailedPrecondition)
    error = await refused(seller.PlaceOrder(request("seller", "k", SELL, name, units=6_401)))
    assert isinstance(error, ResourceExhausted)


async def test_the_same_key_is_the_same_order(world) -> None:
    service = await world.start()
    buyer = world.stub(service, BUYER)
    name = product(world)

    first = await buyer.PlaceOrder(request("buyer", name, BUY, name))
    assert await buyer.PlaceOrder(request("buyer", name, BUY, name)) == first
    await world.until(MARKETPLACE_ORDER, lambda seen: any(b"tenant-1" in r.value for r in seen))
    error = await refused(buyer.PlaceOrder(request("buyer", name, BUY, name, units=11)))
    assert isinstance(error, AlreadyExists)
    cancel = rpc.CancelOrderRequest(idempotency_key="c", order_id=first.order_id)
    assert isinstance(
        await refused(world.stub(service, POOR).CancelOrder(cancel)), PermissionDenied
    )
    await buyer.CancelOrder(cancel)
    await buyer.CancelOrder(cancel)
    trades, _ = await expected(world)
    await world.until(MARKETPLACE_TRADE, lambda seen: len(seen) >= len(trades))
    assert first.order_id in {
        decode(MARKETPLACE_TRADE, record).ended.order_id
        for record in await world.read(MARKETPLACE_TRADE)
    }


async def trade_through(world, service, dice, keys: list[str]) -> None:
    """Place an order for each key, again and again until it is answered or the process is gone."""
    sides = {"seller": (SELL, SELLER), "buyer": (BUY, BUYER)}
    stubs = {account: world.stub(service, who) for account, (_, who) in sides.items()}

    async def place(key: str) -> None:
        account = "seller" if int(key.rpartition("-")[2]) % 2 else "buyer"
        rng = seeded(key + dice)
        await stubs[account].PlaceOrder(
            request(
                account,
                key,
                sides[account][0],
                product(world, rng.randrange(3, 6)),
                price_micro_yuan=rng.randrange(100, 120) * 100,
                units=rng.randrange(1, 9),
            )
        )

    done = await asyncio.gather(*(place(key) for key in keys), return_exceptions=True)
    for answer in done:
        assert answer is None or isinstance(answer, grpc.aio.AioRpcError), answer
        assert answer is None or answer.code() is not grpc.StatusCode.UNKNOWN, answer


@pytest.mark.parametrize(
    "point",
    [
        "marketplace.before_trade:2",
        "marketplace.after_trade:2",
        "marketplace.after_lease:2",
        "marketplace.after_hold:20",
    ],
)
async def test_killed_beside_a_commit(world, point: str) -> None:
    keys = [f"{world.site}-{number}" for number in range(120)]
    service = await world.start("dying", HEXI_FAULTS=point)
    # In waves: what comes at once may be matched in one turn, which writes but once.
    for start in range(0, len(keys), WAVE):
        await trade_through(world, service, point, keys[start : start + WAVE])
    assert await service.child.wait() == -9
    service = await world.start("heir")
    await trade_through(world, service, point, keys)

    assert await check_outputs(world) > 10
    await every_order_has_its_hold(world, keys)


async def every_order_has_its_hold(world, keys: list[str]) -> None:
    placed = {}
    for record in await world.read(MARKETPLACE_ORDER):
        if record.value == GARBAGE:
            continue
        message = decode(MARKETPLACE_ORDER, record)
        if message.HasField("place"):
            placed[message.place.order.order_id] = message.place.order
    held = {hold.subject: hold for hold in world.purse.holds.values()}
    here = {i: o for i, o in placed.items() if f".{world.site}." in o.product_id}
    assert len(here) == len(keys)
    for order_id, order in here.items():
        if order.side == BUY:
            assert held[order_id].hold_id == order.hold_id
            assert held[order_id].state == settlement_pb2.HOLD_STATE_PLACED


async def test_a_second_matcher_shuts_the_first_out(world) -> None:
    first = await world.start("first")
    keys = [f"{world.site}-{number}" for number in range(40)]
    await trade_through(world, first, "fence", keys[:20])
    second = await world.start("second")
    # The first learns of it when it next writes, and ends.
    await trade_through(world, first, "fence", keys[20:30])
    await trade_through(world, second, "fence", keys)
    assert await first.child.wait() == 1

    assert await check_outputs(world) > 5


async def test_a_frozen_matcher_wakes_and_must_not_write(world) -> None:
    frozen = await world.start("frozen")
    keys = [f"{world.site}-{number}" for number in range(60)]
    await trade_through(world, frozen, "ice", keys[:20])
    os.kill(frozen.child.pid, signal.SIGSTOP)
    heir = await world.start("heir")
    await trade_through(world, heir, "ice", keys[20:40])

    os.kill(frozen.child.pid, signal.SIGCONT)
    # The order log is everyone's; what comes of it is the heir's alone.
    await trade_through(world, heir, "ice", keys)

    assert await frozen.child.wait() == 1
    assert await check_outputs(world) > 5


async def test_garbage_on_the_order_log_is_passed_and_kept(world) -> None:
    service = await world.start("first")
    name = product(world)
    shard = MARKETPLACE_ORDER.partition_of(f"general.{world.site}")
    garbage = RawRecord(Partition(MARKETPLACE_ORDER.name, shard), b"key", GARBAGE)
    await world.producer.send_raw(garbage)
    await world.stub(service, SELLER).PlaceOrder(request("seller", f"{name}-s", SELL, name))
    bid = await world.stub(service, BUYER).PlaceOrder(request("buyer", f"{name}-b", BUY, name))

    await world.until(MARKETPLACE_LEASE, lambda seen: any(world.site in str(r.key) for r in seen))
    letters = replace(MARKETPLACE_ORDER, name=MARKETPLACE_ORDER.dead_letter, partitions=1)
    await world.until(letters, lambda seen: any(r.value == garbage.value for r in seen))
    # A restart reads the garbage again and does not tell of it again.
    await service.stop()
    again = await world.start("second")
    view = (
        await world.stub(again, BUYER).GetOrder(rpc.GetOrderRequest(order_id=bid.order_id))
    ).view
    assert view.state == pb.ORDER_STATE_FILLED
    assert [r.value for r in await world.read(letters)].count(garbage.value) == 1
