"""MATCH: one writer's state of one shard, a pure function of the commands it was given in order."""

from __future__ import annotations

from dataclasses import dataclass, field

from hexi_marketplace.domain.book import Book
from hexi_marketplace.domain.command import (
    Abandon,
    Cancel,
    CloseGates,
    Command,
    Event,
    Intend,
    OrderOver,
    Place,
    Trade,
)
from hexi_marketplace.domain.order import Order, OrderState, Side
from hexi_marketplace.domain.product import Product, parse_product

# A product is remembered this long after delivery, and with it the ids that answer a retry.
MEMORY_MS = 24 * 3_600_000

GATE_CLOSED = "the gate of the product is closed"
NO_CAPACITY = "open sells and sold units would exceed what the site can deliver"
ABANDONED = "the order came after its hold was given back"
UNKNOWN_PRODUCT = "the product id cannot be read"


@dataclass(slots=True)
class Listing:
    """Everything remembered of one product."""

    product: Product
    book: Book = field(default_factory=Book)
    orders: dict[str, Order] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    intended: dict[str, Intend] = field(default_factory=dict)
    abandoned: set[str] = field(default_factory=set)
    closed: bool = False


class Shard:
    """`apply` every recorded command once, in offset order.

    Time is the highest time any command has told. Invariants: no order matches after its gate; of
    each class, site and slot no more is on sale and sold than the seller's site could deliver.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.now_ms = 0
        self.next_offset = 0
        self.listings: dict[str, Listing] = {}
        # Units on sale or sold, by shard name and slot: a better grade comes out of the same racks.
        self._committed: dict[tuple[str, int], int] = {}
        self._next_due_ms = 0
        self._changed: set[str] = set()

    def apply(self, command: Command, recorded_at_ms: int, offset: int) -> list[Event]:
        """Decide one command; what it caused, in the order it happened."""
        self.next_offset = offset + 1
        self.now_ms = max(self.now_ms, recorded_at_ms)
        events: list[Event] = []
        if self.now_ms >= self._next_due_ms:
            self._close_gates(events)
        match command:
            case Place(order):
                self._place(order, offset, events)
            case Cancel():
                self._cancel(command, events)
            case Intend():
                self._intend(command)
            case Abandon():
                self._abandon(command)
            case CloseGates():
                pass
        return events

    def take_changed(self) -> set[str]:
        """Products whose books changed since the last call."""
        taken, self._changed = self._changed, set()
        return taken

    def find(self, order_id: str) -> Order | None:
        """An order that is remembered."""
        for listing in self.listings.values():
            order = listing.orders.get(order_id)
            if order is not None:
                return order
        return None

    def committed(self, product: Product) -> int:
        """Units of the product's class and slot that are on sale or sold."""
        return self._committed.get((product.shard, product.slot_start_ms), 0)

    def abandoned(self, order_id: str, product_id: str) -> bool:
        """Whether this order was given up before it came."""
        listing = self.listings.get(product_id)
        return listing is not None and order_id in listing.abandoned

    def intent(self, order_id: str, product_id: str) -> Intend | None:
        """The recorded intent of an order that has not come yet."""
        listing = self.listings.get(product_id)
        return listing.intended.get(order_id) if listing else None

    def waiting_intents(self) -> list[Intend]:
        """Holds that were intended and whose order has not come, given up or not."""
        return [
            intent for listing in self.listings.values() for intent in listing.intended.values()
        ]

    def _place(self, order: Order, offset: int, events: list[Event]) -> None:
        listing = self._listing(order.product_id)
        if listing is None:
            events.append(self._end(order, OrderState.REFUSED, UNKNOWN_PRODUCT))
            return
        if order.order_id in listing.orders:
            # A retry wrote it again; the first one counts.
            return
        listing.orders[order.order_id] = order
        listing.intended.pop(order.order_id, None)
        refusal = self._refusal(order, listing)
        if refusal:
            events.append(self._end(order, OrderState.REFUSED, refusal))
            return
        self._match(order, listing, offset, events)

    def _refusal(self, order: Order, listing: Listing) -> str:
        if listing.closed:
            return GATE_CLOSED
        if order.order_id in listing.abandoned:
            return ABANDONED
        on_sale = self.committed(listing.product)
        if order.side is Side.SELL and on_sale + order.units > order.units_sellable:
            return NO_CAPACITY
        return ""

    def _match(self, order: Order, listing: Listing, offset: int, events: list[Event]) -> None:
        if order.side is Side.SELL:
            self._commit(listing.product, order.units)
        book = listing.book
        self._note_change(listing)
        for ordinal, (resting, units) in enumerate(book.submit(order)):
            buy, sell = (order, resting) if order.side is Side.BUY else (resting, order)
            trade = Trade(
                self.number,
                offset,
                ordinal,
                order.product_id,
                buy,
                sell,
                resting.price_micro_yuan,
                units,
                self.now_ms,
            )
            listing.trades.append(trade)
            events.append(trade)
            if resting.state is OrderState.FILLED:
                events.append(self._end(resting, OrderState.FILLED, ""))
        if order.state.over:
            if order.side is Side.SELL:
                self._commit(listing.product, -order.units_left)
            events.append(self._end(order, order.state, order.reason))

    def _cancel(self, command: Cancel, events: list[Event]) -> None:
        listing = self.listings.get(command.product_id)
        order = listing.orders.get(command.order_id) if listing else None
        if listing is None or order is None or order.account != command.account or order.state.over:
            return
        self._take_out(order, listing, OrderState.CANCELLED, "cancelled by its account", events)

    def _take_out(
        self, order: Order, listing: Listing, state: OrderState, reason: str, events: list[Event]
    ) -> None:
        listing.book.remove(order.order_id)
        self._note_change(listing)
        if order.side is Side.SELL:
            self._commit(listing.product, -order.units_left)
        events.append(self._end(order, state, reason))

    def _intend(self, intent: Intend) -> None:
        listing = self._listing(intent.product_id)
        if listing is not None and intent.order_id not in listing.orders:
            listing.intended.setdefault(intent.order_id, intent)

    def _abandon(self, command: Abandon) -> None:
        listing = self.listings.get(command.product_id)
        # Once the order is there, its hold is the order's business.
        if listing is not None and command.order_id not in listing.orders:
            listing.abandoned.add(command.order_id)

    def _close_gates(self, events: list[Event]) -> None:
        """Expire what is due, forget what is old, and note when to look again."""
        for product_id, listing in sorted(self.listings.items()):
            product = listing.product
            if not listing.closed and product.gate_closes_ms <= self.now_ms:
                listing.closed = True
                for order in listing.book.resting():
                    self._take_out(order, listing, OrderState.EXPIRED, GATE_CLOSED, events)
            if product.slot_end_ms + MEMORY_MS <= self.now_ms:
                del self.listings[product_id]
                self._committed.pop((product.shard, product.slot_start_ms), None)
        self._next_due_ms = min(map(_due_ms, self.listings.values()), default=0)

    def _listing(self, product_id: str) -> Listing | None:
        listing = self.listings.get(product_id)
        if listing is None:
            product = parse_product(product_id)
            if product is None:
                return None
            listing = Listing(product, closed=product.gate_closes_ms <= self.now_ms)
            self.listings[product_id] = listing
            self._next_due_ms = min(self._next_due_ms or _due_ms(listing), _due_ms(listing))
        return listing

    def _note_change(self, listing: Listing) -> None:
        listing.book.sequence += 1
        self._changed.add(listing.product.product_id)

    def _commit(self, product: Product, units: int) -> None:
        key = (product.shard, product.slot_start_ms)
        self._committed[key] = self._committed.get(key, 0) + units

    def _end(self, order: Order, state: OrderState, reason: str) -> OrderOver:
        order.state, order.reason = state, reason
        return OrderOver(
            order.order_id,
            order.product_id,
            order.account,
            order.hold_id,
            state,
            order.units_left,
            reason,
            self.now_ms,
        )


def _due_ms(listing: Listing) -> int:
    product = listing.product
    return product.slot_end_ms + MEMORY_MS if listing.closed else product.gate_closes_ms
