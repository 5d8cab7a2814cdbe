"""Goal: the fast book is a price-time book, whatever comes. Method: a hypothesis state machine
beside a plain list that is searched from the start for every trade."""

from dataclasses import replace

from hexi_marketplace.domain.command import Cancel, CloseGates, Event, OrderOver, Place, Trade
from hexi_marketplace.domain.order import Order, OrderState, Side, TimeInForce
from hexi_marketplace.domain.product import SLOT_MS, product_of
from hexi_marketplace.domain.shard import Shard
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

NOW_MS = 1_795_228_200_000
PRODUCTS = [
    product_of("general", grade, "jinchang", NOW_MS + slot * SLOT_MS)
    for slot in (3, 4)
    for grade in "AB"
]
CAPACITY = 30
OVER = (OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REFUSED)


class PlainMarket:
    """Slow and obvious: one list of orders in order of arrival."""

    def __init__(self) -> None:
        self.open: list[Order] = []
        self.sold: dict[int, int] = {}

    def committed(self, slot_ms: int) -> int:
        on_sale = sum(
            o.units_left for o in self.open if o.side is Side.SELL and slot_of(o) == slot_ms
        )
        return on_sale + self.sold.get(slot_ms, 0)

    def place(self, order: Order) -> list[tuple[str, str, int, int]]:
        tape: list[tuple[str, str, int, int]] = []
        if order.side is Side.SELL and self.committed(slot_of(order)) + order.units > CAPACITY:
            return tape
        while order.units_left:
            best = self._best(order)
            if best is None:
                break
            if best.account == order.account:
                return tape
            units = min(best.units_left, order.units_left)
            best.units_left -= units
            order.units_left -= units
            self.sold[slot_of(order)] = self.sold.get(slot_of(order), 0) + units
            tape.append((order.order_id, best.order_id, best.price_micro_yuan, units))
            self.open = [one for one in self.open if one.units_left]
        if order.units_left and order.time_in_force is TimeInForce.GOOD_TILL_CANCELLED:
            self.open.append(order)
        return tape

    def _best(self, order: Order) -> Order | None:
        sign = 1 if order.side is Side.BUY else -1
        fitting = [
            one
            for one in self.open
            if one.product_id == order.product_id
            and one.side is not order.side
            and sign * one.price_micro_yuan <= sign * order.price_micro_yuan
        ]
        return min(fitting, key=lambda one: sign * one.price_micro_yuan, default=None)


def slot_of(order: Order) -> int:
    return next(p.slot_start_ms for p in PRODUCTS if p.product_id == order.product_id)


class TheSameTape(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.shard, self.plain = Shard(0), PlainMarket()
        self.offset = 0
        self.now_ms = NOW_MS
        self.placed: dict[str, Order] = {}
        self.traded: dict[str, int] = {}
        self.ended: dict[str, OrderOver] = {}

    @rule(
        product=st.sampled_from(PRODUCTS),
        account=st.sampled_from("xyz"),
        side=st.sampled_from(Side),
        price=st.integers(1, 6),
        units=st.integers(1, 9),
        time=st.sampled_from(TimeInForce),
    )
    def place(self, product, account, side, price, units, time) -> None:
        if self.now_ms >= product.gate_closes_ms:
            return
        name = f"o{self.offset}"
        order = Order(name, product.product_id, account, "t", side, price, units, time)
        order.units_sellable = CAPACITY
        self.placed[name] = order
        expected = self.plain.place(replace(order))

        events = self._apply(Place(order))

        tape = []
        for event in events:
            if isinstance(event, Trade):
                resting = event.sell if side is Side.BUY else event.buy
                tape.append((name, resting.order_id, event.price_micro_yuan, event.units))
        assert tape == expected

    @rule(data=st.data())
    def cancel(self, data) -> None:
        if not self.placed:
            return
        name = data.draw(st.sampled_from(sorted(self.placed)))
        order = self.placed[name]
        self.plain.open = [one for one in self.plain.open if one.order_id != name]
        self._apply(Cancel(name, order.product_id, order.account))

    @rule()
    def place_again(self) -> None:
        for order in list(self.placed.values())[-1:]:
            assert not self._apply(Place(replace(order, units_left=order.units)))

    @rule(slots=st.integers(0, 1))
    def time_passes(self, slots) -> None:
        self.now_ms += slots * SLOT_MS
        closed = {p.product_id for p in PRODUCTS if p.gate_closes_ms <= self.now_ms}
        self.plain.open = [one for one in self.plain.open if one.product_id not in closed]
        self._apply(CloseGates())

    def _apply(self, command) -> list[Event]:
        events = self.shard.apply(command, self.now_ms, self.offset)
        self.offset += 1
        for event in events:
            if isinstance(event, OrderOver):
                assert event.order_id not in self.ended, "an order ends once"
                self.ended[event.order_id] = event
            else:
                for order in (event.buy, event.sell):
                    assert order.order_id not in self.ended, "no trade after the end"
                    self.traded[order.order_id] = self.traded.get(order.order_id, 0) + event.units
                assert event.buy.account != event.sell.account
                assert event.sell.price_micro_yuan <= event.price_micro_yuan
                assert event.price_micro_yuan <= event.buy.price_micro_yuan
        return events

    @invariant()
    def no_book_is_crossed(self) -> None:
        for listing in self.shard.listings.values():
            bid, ask = listing.book.best(Side.BUY), listing.book.best(Side.SELL)
            assert bid is None or ask is None or bid < ask

    @invariant()
    def units_are_conserved(self) -> None:
        for name, order in self.placed.items():
            assert order.units == self.traded.get(name, 0) + order.units_left
            assert order.state.over == (name in self.ended)

    @invariant()
    def both_hold_the_same_orders(self) -> None:
        resting = [o for one in self.shard.listings.values() for o in one.book.resting()]
        assert sorted((o.order_id, o.units_left) for o in resting) == sorted(
            (o.order_id, o.units_left) for o in self.plain.open
        )

    @invariant()
    def no_more_is_sold_than_there_is(self) -> None:
        for product in PRODUCTS:
            committed = self.shard.committed(product)
            assert committed == self.plain.committed(product.slot_start_ms) <= CAPACITY


TestTheSameTape = TheSameTape.TestCase
TestTheSameTape.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
