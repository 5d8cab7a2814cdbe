"""Asks for an order's end; MATCH decides whether it came in time."""

from __future__ import annotations

from hexi_kit.errors import FailedPrecondition, NotFound, PermissionDenied
from hexi_kit.testing import faults

from hexi_marketplace.domain.command import Cancel
from hexi_marketplace.domain.order import OrderState
from hexi_marketplace.domain.product import parse_product
from hexi_marketplace.handlers.place_order import PlaceOrder
from hexi_marketplace.ports import OrderLog

OWN_POLICY = "marketplace-own-account"


class CancelOrder:
    """Idempotent: an order that was cancelled stays so."""

    def __init__(self, orders: PlaceOrder, log: OrderLog) -> None:
        self._orders, self._log = orders, log

    async def __call__(self, order_id: str, account: str) -> None:
        order = self._orders.find(order_id)
        if order is None:
            raise NotFound("order", order_id)
        if order.account != account:
            raise PermissionDenied(OWN_POLICY, f"the order is not of account {account}")
        if order.state is OrderState.CANCELLED:
            return
        if order.state.over:
            raise FailedPrecondition(f"the order is {order.state.value}", order_id)
        product = parse_product(order.product_id)
        assert product is not None, "only orders of products that can be read are placed"
        faults.point("marketplace.before_cancel")
        await self._log.record(Cancel(order_id, order.product_id, account), product.shard)
        faults.point("marketplace.after_cancel")
