"""Goal: an order counts only behind its hold, and no hold is forgotten.

Method: the handlers over a log that feeds the shards at once and a settlement in memory, with the
process dying between any two steps.
"""

from __future__ import annotations

import pytest
from hexi_kit.errors import (
    AlreadyExists,
    FailedPrecondition,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
)
from hexi_kit.testing.clock import ManualClock
from hexi_marketplace.domain.command import Abandon, Command, Intend, Place
from hexi_marketplace.domain.market import Market
from hexi_marketplace.domain.order import Order, OrderState, Side
from hexi_marketplace.domain.product import SLOT_MS, parse_product, product_of
from hexi_marketplace.domain.supply import Servers, SiteFacts, Supply
from hexi_marketplace.handlers.cancel_order import CancelOrder
from hexi_marketplace.handlers.list_products import ListProducts
from hexi_marketplace.handlers.place_order import Desk, PlaceOrder
from hexi_marketplace.handlers.sweep_holds import PATIENCE_S, SweepHolds
from hexi_marketplace.ports import Hold
from hexi_marketplace.settings import market_rules

NOW_MS = 1_795_228_200_000
PRODUCT = product_of("general", "B", "jinchang", NOW_MS + 4 * SLOT_MS)


class DeathError(Exception):
    """The process ends here."""


class MemoryLog:
    """Keeps commands and lets the market hear them at once, or dies before or after."""

    def __init__(self, market: Market, clock: ManualClock) -> None:
        self.commands: list[Command] = []
        self._market, self._clock = market, clock
        self.dies_at = ""

    async def record(self, command: Command, shard: str) -> None:
        name = type(command).__name__
        if self.dies_at == f"before {name}":
            raise DeathError
        self.commands.append(command)
        subject = command.order if isinstance(command, Place) else command
        product = parse_product(subject.product_id)
        assert product is not None and product.shard == shard
        target = self._market.shard_of(product)
        target.apply(command, self._clock.now_ms(), target.next_offset)
        if self.dies_at == f"after {name}":
            raise DeathError


class MemoryHolds:
    """Settlement with one balance for everyone."""

    def __init__(self) -> None:
        self.balance_fen = 1_000
        self.holds: dict[str, Hold] = {}
        self.away = False
        self.dies_at = ""

    async def place(self, order_id: str, account: str, amount_fen: int) -> Hold:
        if self.dies_at == "before hold":
            raise DeathError
        if self.away:
            raise Unavailable("settlement: away")
        if order_id not in self.holds:
            if amount_fen > self.balance_fen:
                raise FailedPrecondition("the balance does not cover the hold", account)
            self.balance_fen -= amount_fen
            self.holds[order_id] = Hold(f"hold-{order_id}", amount_fen, True)
        if self.dies_at == "after hold":
            raise DeathError
        return self.holds[order_id]

    async def release(self, order_id: str, hold_id: str) -> None:
        hold = self.holds[order_id]
        if hold.placed:
            self.balance_fen += hold.amount_fen
        self.holds[order_id] = Hold(hold_id, hold.amount_fen, False)


class World:
    def __init__(self) -> None:
        self.clock = ManualClock(NOW_MS)
        self.market = Market(4)
        self.log = MemoryLog(self.market, self.clock)
        self.holds = MemoryHolds()
        self.supply = Supply()
        self.supply.record_site(SiteFacts("jinchang", 1, True, "seller", 1_210))
        self.supply.record_servers(Servers("jinchang", 1, ("r1",), (0,), (64_000,), (), (0,), (0,)))
        self.restart()

    def restart(self) -> None:
        """A new process over the same log and the same settlement."""
        self.log.dies_at = self.holds.dies_at = ""
        desk = Desk(self.market, self.supply, market_rules(), self.log, self.holds, self.clock)
        self.place = PlaceOrder(desk)
        self.cancel = CancelOrder(self.place, self.log)
        self.sweep = SweepHolds(self.market, self.log, self.holds, self.clock)

    async def sweep_in_time(self) -> int:
        await self.sweep()
        self.clock.advance(int(PATIENCE_S * 1000))
        return await self.sweep()


@pytest.fixture
def world() -> World:
    return World()


def buy(name: str = "bid", units: int = 10, price: int = 15_000) -> Order:
    return Order(name, PRODUCT.product_id, "buyer", "tenant", Side.BUY, price, units)


def sell(name: str = "ask", units: int = 10, account: str = "seller") -> Order:
    return Order(name, PRODUCT.product_id, account, account, Side.SELL, 15_000, units)


async def test_a_buy_goes_intent_hold_order(world: World) -> None:
    await world.place(buy(), PRODUCT)

    assert [type(command) for command in world.log.commands] == [Intend, Place]
    order = world.market.find("bid")
    assert order is not None and order.hold_id == "hold-bid"
    assert world.holds.holds["bid"].amount_fen == 15
    assert await world.sweep_in_time() == 0


@pytest.mark.parametrize("moment", ["before Intend", "after Intend", "before hold", "after hold"])
@pytest.mark.parametrize("retried", [True, False])
async def test_a_death_before_the_order_leaves_no_hold_behind(
    world: World, moment: str, retried: bool
) -> None:
    world.log.dies_at = world.holds.dies_at = moment
    with pytest.raises(DeathError):
        await world.place(buy(), PRODUCT)
    world.restart()

    if retried:
        await world.place(buy(), PRODUCT)
        assert world.market.find("bid") is not None
        assert (world.holds.balance_fen, len(world.holds.holds)) == (985, 1)
    else:
        await world.sweep_in_time()
        assert world.market.find("bid") is None
        assert world.holds.balance_fen == 1_000
    assert await world.sweep_in_time() == 0


async def test_a_death_in_the_sweep_repeats_it(world: World) -> None:
    world.holds.dies_at = "after hold"
    with pytest.raises(DeathError):
        await world.place(buy(), PRODUCT)
    world.restart()
    world.holds.dies_at = "after hold"
    with pytest.raises(DeathError):
        await world.sweep_in_time()
    world.restart()

    assert await world.sweep_in_time() == 1
    assert world.holds.balance_fen == 1_000
    assert [type(command) for command in world.log.commands] == [Intend, Abandon]


async def test_an_order_that_comes_after_the_sweep_is_refused(world: World) -> None:
    world.log.dies_at = "before Place"
    with pytest.raises(DeathError):
        await world.place(buy(), PRODUCT)
    world.restart()
    assert await world.sweep_in_time() == 1

    with pytest.raises(FailedPrecondition, match="given up"):
        await world.place(buy(), PRODUCT)
    # Even one that had passed the door before the sweep.
    await world.log.record(Place(buy()), PRODUCT.shard)
    late = world.market.find("bid")
    assert late is not None and late.state is OrderState.REFUSED


async def test_the_sweep_waits_for_settlement(world: World) -> None:
    world.holds.dies_at = "after hold"
    with pytest.raises(DeathError):
        await world.place(buy(), PRODUCT)
    world.restart()
    world.holds.away = True
    assert await world.sweep_in_time() == 0
    world.holds.away = False

    assert await world.sweep() == 1
    assert world.holds.balance_fen == 1_000


async def test_without_money_there_is_no_order_until_there_is(world: World) -> None:
    world.holds.balance_fen = 14
    with pytest.raises(FailedPrecondition):
        await world.place(buy(), PRODUCT)
    assert world.market.find("bid") is None
    world.holds.balance_fen = 15

    await world.place(buy(), PRODUCT)
    assert world.market.find("bid") is not None


async def test_the_same_key_answers_the_same_or_says_what_differs(world: World) -> None:
    assert await world.place(buy(), PRODUCT) == await world.place(buy(), PRODUCT)
    with pytest.raises(AlreadyExists):
        await world.place(buy(units=11), PRODUCT)

    assert len(world.log.commands) == 2


async def test_another_amount_under_an_intended_key_is_refused(world: World) -> None:
    world.holds.dies_at = "after hold"
    with pytest.raises(DeathError):
        await world.place(buy(), PRODUCT)
    world.restart()

    with pytest.raises(AlreadyExists):
        await world.place(buy(units=11), PRODUCT)


async def test_only_the_operator_sells_and_no_more_than_there_is(world: World) -> None:
    with pytest.raises(PermissionDenied):
        await world.place(sell(account="other"), PRODUCT)
    await world.place(sell("first", 60), PRODUCT)
    with pytest.raises(ResourceExhausted, match="at most 4 units"):
        await world.place(sell("second", 5), PRODUCT)
    await world.place(sell("third", 4), PRODUCT)


async def test_what_cannot_be_traded_is_said_why(world: World) -> None:
    elsewhere = product_of("general", "B", "nowhere", PRODUCT.slot_start_ms)
    with pytest.raises(NotFound):
        await world.place(buy(), elsewhere)
    world.supply.record_site(SiteFacts("jinchang", 2, False, "seller", 1_210))
    with pytest.raises(FailedPrecondition, match="not admitted"):
        await world.place(buy(), PRODUCT)
    world.supply.record_site(SiteFacts("jinchang", 3, True, "seller", 1_100))
    with pytest.raises(FailedPrecondition, match="grade A"):
        await world.place(buy(), PRODUCT)


async def test_a_cancel_is_for_open_orders_of_the_account(world: World) -> None:
    await world.place(buy(), PRODUCT)
    with pytest.raises(NotFound):
        await world.cancel("nothing", "buyer")
    with pytest.raises(PermissionDenied):
        await world.cancel("bid", "other")
    await world.cancel("bid", "buyer")
    await world.cancel("bid", "buyer")
    await world.place(buy("next"), PRODUCT)
    await world.place(sell(), PRODUCT)
    with pytest.raises(FailedPrecondition, match="filled"):
        await world.cancel("next", "buyer")


async def test_products_are_listed_as_orders_are_checked(world: World) -> None:
    products = ListProducts(world.supply, market_rules(), world.clock)("jinchang", "general")

    assert len(products) == 96
    for number, product in ((0, products[0]), (1, products[-1])):
        await world.place(
            Order(f"o{number}", product.product_id, "buyer", "t", Side.BUY, 15_000, 1), product
        )
    too_far = product_of("general", "B", "jinchang", products[-1].slot_end_ms)
    with pytest.raises(FailedPrecondition, match="not open yet"):
        await world.place(buy(), too_far)
