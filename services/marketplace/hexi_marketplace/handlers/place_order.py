"""Takes an order in: checked, covered by a hold, then on the log; only the log makes it count.

The order of effects, and what a crash after each leaves behind:
1. intent on the log    nothing held; the sweep finds the intent and gives up the order
2. hold at settlement   money held; the same intent leads the sweep to it, which releases it
3. order on the log     MATCH decides it, answers a retry, and ends the hold with the order
Every step repeated with the same key is the same step: order id, hold and record are derived.
A sell needs no money and starts at 3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hexi_kit.clock import Clock
from hexi_kit.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Violation,
)
from hexi_kit.testing import faults

from hexi_marketplace.domain.command import Intend, Place
from hexi_marketplace.domain.market import Market
from hexi_marketplace.domain.order import Order, Side, hold_fen
from hexi_marketplace.domain.product import SLOT_MS, Product, first_open_slot_ms
from hexi_marketplace.domain.rules import MarketRules
from hexi_marketplace.domain.supply import Supply
from hexi_marketplace.ports import Holds, OrderLog

PENDING_MAX = 20_000
SELLER_POLICY = "marketplace-seller-operates-site"


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything the order handlers stand on."""

    market: Market
    supply: Supply
    rules: MarketRules
    log: OrderLog
    holds: Holds
    clock: Clock


class PlaceOrder:
    """`pending` holds orders that are on the log and not yet matched, so that none is unknown."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.pending: dict[str, Order] = {}
        self._taking: dict[str, Order] = {}

    async def __call__(self, order: Order, product: Product) -> str:
        """Returns the order's id once the log has it; again with the same key, the same id."""
        if self._known(order):
            return order.order_id
        self._check(order, product)
        if not self._taking.setdefault(order.order_id, order).same_request(order):
            raise AlreadyExists("order", order.order_id)
        try:
            await self._take_in(order, product)
        finally:
            self._taking.pop(order.order_id, None)
        return order.order_id

    async def _take_in(self, order: Order, product: Product) -> None:
        if order.side is Side.SELL:
            order = replace(order, units_sellable=self._sellable(order, product))
        else:
            order = replace(order, hold_id=await self._hold(order, product))
        if len(self.pending) >= PENDING_MAX:
            self._forget_matched()
        self.pending[order.order_id] = order
        faults.point("marketplace.before_order")
        await self._desk.log.record(Place(order), product.shard)
        faults.point("marketplace.after_order")

    def find(self, order_id: str) -> Order | None:
        """An order by its id, matched or on its way."""
        found = self._desk.market.find(order_id)
        if found is None:
            return self.pending.get(order_id)
        self.pending.pop(order_id, None)
        return found

    def _known(self, order: Order) -> bool:
        known = self._desk.market.find(order.order_id)
        if known is None:
            return False
        self.pending.pop(order.order_id, None)
        if not known.same_request(order):
            raise AlreadyExists("order", order.order_id)
        return True

    def _check(self, order: Order, product: Product) -> None:
        desk = self._desk
        now_ms = desk.clock.now_ms()
        self._check_limits(order, product, now_ms)
        site = desk.supply.facts(product.site_id)
        if site is None or product.class_id not in desk.supply.classes(product.site_id):
            raise NotFound("product", product.product_id)
        if not site.admitted:
            raise FailedPrecondition("the site is not admitted", product.site_id)
        grade = desk.rules.grade(site.pue_milli, now_ms)
        if product.grade != grade:
            raise FailedPrecondition(f"the site delivers grade {grade}", product.product_id)
        first_ms = first_open_slot_ms(now_ms)
        if product.slot_start_ms < first_ms:
            raise FailedPrecondition("the gate of the product is closed", product.product_id)
        if product.slot_start_ms >= first_ms + desk.rules.horizon_slots(now_ms) * SLOT_MS:
            raise FailedPrecondition("the product is not open yet", product.product_id)
        if desk.market.shard_of(product).abandoned(order.order_id, product.product_id):
            raise FailedPrecondition("the order was given up; take a new key", order.order_id)
        if order.side is Side.SELL and site.operator != order.account:
            raise PermissionDenied(SELLER_POLICY, f"{order.account} does not operate the site")

    def _check_limits(self, order: Order, product: Product, now_ms: int) -> None:
        limits = self._desk.rules.limits(product.class_id, now_ms)
        price, units = order.price_micro_yuan, order.units
        found = []
        if price % limits.tick.value:
            found.append(Violation("price_micro_yuan", f"expected a multiple of {limits.tick}"))
        if price < limits.floor.value:
            found.append(Violation("price_micro_yuan", f"expected at least {limits.floor}"))
        if price > limits.ceiling.value:
            found.append(Violation("price_micro_yuan", f"expected at most {limits.ceiling}"))
        if units % limits.lot.value:
            found.append(Violation("units", f"expected a multiple of {limits.lot}"))
        if units > limits.units_max.value:
            found.append(Violation("units", f"expected at most {limits.units_max}"))
        if found:
            raise InvalidArgument(found)

    def _sellable(self, order: Order, product: Product) -> int:
        """Units of the class the site could deliver; MATCH checks again against the same number."""
        desk = self._desk
        sellable = desk.supply.units(product.site_id).get(product.class_id, 0)
        committed = desk.market.shard_of(product).committed(product)
        if committed + order.units > sellable:
            raise ResourceExhausted(
                f"expected at most {max(0, sellable - committed)} units, was {order.units}: "
                f"{committed} of {sellable} are on sale or sold"
            )
        return sellable

    async def _hold(self, order: Order, product: Product) -> str:
        desk = self._desk
        amount_fen = hold_fen(order.price_micro_yuan, order.units)
        intent = Intend(order.order_id, order.product_id, order.account, amount_fen)
        recorded = desk.market.shard_of(product).intent(order.order_id, order.product_id)
        if recorded not in (None, intent):
            raise AlreadyExists("order", order.order_id)
        if recorded is None:
            await desk.log.record(intent, product.shard)
        faults.point("marketplace.before_hold")
        hold = await desk.holds.place(order.order_id, order.account, amount_fen)
        faults.point("marketplace.after_hold")
        if hold.amount_fen != amount_fen:
            raise AlreadyExists("order", order.order_id)
        if not hold.placed:
            raise FailedPrecondition("the hold was given back; take a new key", hold.hold_id)
        return hold.hold_id

    def _forget_matched(self) -> None:
        for order_id in [one for one in self.pending if self._desk.market.find(one)]:
            del self.pending[order_id]
        if len(self.pending) >= PENDING_MAX:
            raise ResourceExhausted("too many orders wait to be matched")
