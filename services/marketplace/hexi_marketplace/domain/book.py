"""The book of one product: price, then time; integers only, and no tie is left to chance."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import NamedTuple

from hexi_marketplace.domain.order import Order, OrderState, Side, TimeInForce

SELF_TRADE = "would have traded with an order of the same account"
IMMEDIATE = "immediate or cancel"


class Fill(NamedTuple):
    """A match at the resting order's price."""

    resting: Order
    units: int


class Level(NamedTuple):
    """All that rests at one price."""

    price_micro_yuan: int
    units: int
    orders: int


class Book:
    """Levels of resting orders, first come first served, and a heap of prices for each side.

    A level is keyed by price for sells and by its negative for buys, so that the least key is
    always the best. Invariant: the best bid is below the best ask; a level's key is in the heap as
    long as the level exists. Empty levels leave the heap when they come to its top.
    """

    __slots__ = ("_heaps", "_levels", "_resting", "last_price_micro_yuan", "sequence")

    def __init__(self) -> None:
        self._levels: tuple[dict[int, dict[str, Order]], dict[int, dict[str, Order]]] = ({}, {})
        self._heaps: tuple[list[int], list[int]] = ([], [])
        self._resting: dict[str, Order] = {}
        self.last_price_micro_yuan = 0
        # Counts the commands that changed this book.
        self.sequence = 0

    def submit(self, order: Order) -> list[Fill]:
        """Match, then rest what is left or end it; `order` and its makers say how it went."""
        fills = self._match(order)
        if order.state.over:
            return fills
        if order.units_left and order.time_in_force is TimeInForce.GOOD_TILL_CANCELLED:
            self._rest(order)
        elif order.units_left:
            order.state, order.reason = OrderState.CANCELLED, IMMEDIATE
        return fills

    def remove(self, order_id: str) -> Order | None:
        """Take a resting order out; the caller says what becomes of it."""
        order = self._resting.pop(order_id, None)
        if order is not None:
            del self._levels[order.side][_key(order)][order_id]
        return order

    def resting(self) -> list[Order]:
        """Every resting order, oldest first."""
        return list(self._resting.values())

    def depth(self, side: Side, levels_max: int) -> list[Level]:
        """The best levels of one side, best first."""
        levels = self._levels[side]
        found = []
        for key in sorted(key for key, orders in levels.items() if orders)[:levels_max]:
            orders = levels[key]
            units = sum(order.units_left for order in orders.values())
            found.append(Level(abs(key), units, len(orders)))
        return found

    def best(self, side: Side) -> int | None:
        """Price of the best level."""
        heap, levels = self._heaps[side], self._levels[side]
        while heap:
            if levels.get(heap[0]):
                return abs(heap[0])
            levels.pop(heappop(heap), None)
        return None

    def _match(self, order: Order) -> list[Fill]:
        opposite = 1 - order.side
        heap, levels = self._heaps[opposite], self._levels[opposite]
        limit = -_key(order)
        fills: list[Fill] = []
        while order.units_left and heap and heap[0] <= limit:
            level = levels.get(heap[0])
            if not level:
                levels.pop(heappop(heap), None)
            elif not self._take(order, level, fills):
                break
        if fills:
            self.last_price_micro_yuan = fills[-1].resting.price_micro_yuan
            if not order.state.over:
                order.state = _filled(order)
        return fills

    def _take(self, order: Order, level: dict[str, Order], fills: list[Fill]) -> bool:
        """Trade with one level in order of arrival; False when the order may go no further."""
        gone = []
        for resting in level.values():
            if resting.account == order.account:
                order.state, order.reason = OrderState.CANCELLED, SELF_TRADE
                break
            units = min(resting.units_left, order.units_left)
            resting.units_left -= units
            order.units_left -= units
            resting.state = _filled(resting)
            fills.append(Fill(resting, units))
            if not resting.units_left:
                gone.append(resting.order_id)
            if not order.units_left:
                break
        for order_id in gone:
            del level[order_id], self._resting[order_id]
        return not order.state.over

    def _rest(self, order: Order) -> None:
        key = _key(order)
        levels = self._levels[order.side]
        level = levels.get(key)
        if level is None:
            level = levels[key] = {}
            heappush(self._heaps[order.side], key)
        level[order.order_id] = order
        self._resting[order.order_id] = order


def _key(order: Order) -> int:
    return -order.price_micro_yuan if order.side is Side.BUY else order.price_micro_yuan


def _filled(order: Order) -> OrderState:
    return OrderState.PARTLY_FILLED if order.units_left else OrderState.FILLED
