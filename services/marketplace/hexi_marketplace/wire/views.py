"""What callers and market data see of products, orders, books and trades."""

from __future__ import annotations

from hexi.marketplace.v1 import marketplace_pb2 as pb
from hexi.marketplace.v1 import marketplace_service_pb2 as service

from hexi_marketplace.domain.book import Level
from hexi_marketplace.domain.command import Trade
from hexi_marketplace.domain.order import Order, Side
from hexi_marketplace.domain.product import Product
from hexi_marketplace.domain.shard import Listing
from hexi_marketplace.wire.commands import write_order
from hexi_marketplace.wire.enums import STATES
from hexi_marketplace.wire.events import write_trade


def view_product(product: Product) -> pb.Product:
    return pb.Product(
        product_id=product.product_id,
        class_id=product.class_id,
        grade=product.grade,
        site_id=product.site_id,
        slot_start_ms=product.slot_start_ms,
        slot_end_ms=product.slot_end_ms,
        gate_closes_ms=product.gate_closes_ms,
    )


def view_order(order: Order) -> service.OrderView:
    return service.OrderView(
        order=write_order(order),
        state=STATES[order.state],
        units_left=order.units_left,
        reason=order.reason,
    )


def view_depth(
    product_id: str, listing: Listing | None, levels: int, now_ms: int
) -> pb.DepthChanged:
    """The best levels; a product nobody has ordered has an empty book at sequence 0."""
    if listing is None:
        return pb.DepthChanged(product_id=product_id, at_ms=now_ms)
    book = listing.book
    return pb.DepthChanged(
        product_id=product_id,
        sequence=book.sequence,
        bids=_levels(book.depth(Side.BUY, levels)),
        asks=_levels(book.depth(Side.SELL, levels)),
        last_price_micro_yuan=book.last_price_micro_yuan,
        at_ms=now_ms,
    )


def view_trade(trade: Trade, account: str | None) -> pb.TradeAgreed:
    """A trade as `account` may see it: prices are public, names are not; None sees all."""
    message = write_trade(trade)
    if account is None:
        return message
    if account != trade.buy.account:
        for name in ("buy_order_id", "buyer_account", "buyer_hold_id", "tenant_id", "traceparent"):
            message.ClearField(name)
    if account != trade.sell.account:
        message.ClearField("sell_order_id")
        message.ClearField("seller_account")
    return message


def _levels(levels: list[Level]) -> list[pb.Level]:
    return [
        pb.Level(price_micro_yuan=level.price_micro_yuan, units=level.units, orders=level.orders)
        for level in levels
    ]
