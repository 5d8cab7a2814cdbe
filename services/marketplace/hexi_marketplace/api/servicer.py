"""MarketplaceService: parses, asks a handler or the market, renders."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from hexi.marketplace.v1 import marketplace_pb2
from hexi.marketplace.v1 import marketplace_service_pb2 as pb
from hexi.marketplace.v1 import marketplace_service_pb2_grpc as stubs
from hexi_kit.clock import Clock
from hexi_kit.errors import NotFound, PermissionDenied
from hexi_kit.identity.principal import Principal
from hexi_kit.rpc.context import current_principal
from hexi_kit.tracing import current_traceparent

from hexi_marketplace.api.requests import (
    read_book,
    read_cancel,
    read_filter,
    read_order,
    read_order_id,
    read_page,
    read_product_ids,
)
from hexi_marketplace.domain.market import Market
from hexi_marketplace.handlers.cancel_order import OWN_POLICY, CancelOrder
from hexi_marketplace.handlers.list_products import ListProducts
from hexi_marketplace.handlers.place_order import PlaceOrder
from hexi_marketplace.handlers.watch_depth import DepthFeed
from hexi_marketplace.wire.views import view_depth, view_order, view_product, view_trade

LEVELS_DEFAULT = 10
OVERSIGHT = ("supervisor", "service")

Context = Any


@dataclass(frozen=True, slots=True)
class ServicerParts:
    """The handlers and what is read directly."""

    market: Market
    place_order: PlaceOrder
    cancel_order: CancelOrder
    list_products: ListProducts
    feed: DepthFeed
    clock: Clock


class MarketplaceServicer(stubs.MarketplaceServiceServicer):
    def __init__(self, parts: ServicerParts) -> None:
        self._parts = parts

    async def ListProducts(
        self, request: pb.ListProductsRequest, context: Context
    ) -> pb.ListProductsResponse:
        read_filter(site_id=request.site_id, class_id=request.class_id)
        size, skipped = read_page(request.page_size, request.page_token)
        found = self._parts.list_products(request.site_id, request.class_id)
        page = found[skipped : skipped + size]
        return pb.ListProductsResponse(
            products=map(view_product, page),
            next_page_token=_next(skipped + size, len(found)),
        )

    async def PlaceOrder(
        self, request: pb.PlaceOrderRequest, context: Context
    ) -> pb.PlaceOrderResponse:
        now_ms = self._parts.clock.now_ms()
        order, product = read_order(request, now_ms, current_traceparent())
        principal = current_principal()
        if principal.scope != order.account:
            reason = f"{principal.scope} may not order for account {order.account}"
            raise PermissionDenied(OWN_POLICY, reason)
        return pb.PlaceOrderResponse(order_id=await self._parts.place_order(order, product))

    async def CancelOrder(
        self, request: pb.CancelOrderRequest, context: Context
    ) -> pb.CancelOrderResponse:
        order_id = read_cancel(request)
        await self._parts.cancel_order(order_id, current_principal().scope)
        return pb.CancelOrderResponse()

    async def GetOrder(self, request: pb.GetOrderRequest, context: Context) -> pb.GetOrderResponse:
        order = self._parts.place_order.find(read_order_id(request.order_id))
        principal = current_principal()
        if order is None:
            raise NotFound("order", request.order_id)
        if not _oversees(principal) and principal.scope != order.account:
            raise PermissionDenied(OWN_POLICY, "the order is of another account")
        return pb.GetOrderResponse(view=view_order(order))

    async def GetBook(self, request: pb.GetBookRequest, context: Context) -> pb.GetBookResponse:
        product_id, levels = read_book(request)
        return pb.GetBookResponse(depth=self._depth(product_id, levels or LEVELS_DEFAULT))

    async def ListTrades(
        self, request: pb.ListTradesRequest, context: Context
    ) -> pb.ListTradesResponse:
        read_filter(product_id=request.product_id, account=request.account)
        size, skipped = read_page(request.page_size, request.page_token)
        principal = current_principal()
        if request.account and not _oversees(principal) and principal.scope != request.account:
            raise PermissionDenied(OWN_POLICY, "who traded is known to those who did")
        found = self._parts.market.trades(request.product_id)
        if request.account:
            mine = request.account
            found = [t for t in found if mine in (t.buy.account, t.sell.account)]
        seen_by = None if _oversees(principal) else principal.scope
        return pb.ListTradesResponse(
            trades=[view_trade(trade, seen_by) for trade in found[skipped : skipped + size]],
            next_page_token=_next(skipped + size, len(found)),
        )

    async def StreamDepth(
        self, request: pb.StreamDepthRequest, context: Context
    ) -> AsyncIterator[pb.StreamDepthResponse]:
        """First the books as they are, then each that changes; sequences only rise."""
        wanted = read_product_ids(list(request.product_ids))
        sent: dict[str, int] = {}
        with self._parts.feed.watch(wanted) as watch:
            listings = self._parts.market.listings()
            product_ids = sorted(wanted) or [
                one.product.product_id for one in listings if not one.closed
            ]
            while True:
                for product_id in product_ids:
                    depth = self._depth(product_id, LEVELS_DEFAULT)
                    if depth.sequence > sent.get(product_id, -1):
                        sent[product_id] = depth.sequence
                        yield pb.StreamDepthResponse(depth=depth)
                product_ids = await watch.news()

    def _depth(self, product_id: str, levels: int) -> marketplace_pb2.DepthChanged:
        parts = self._parts
        listing = parts.market.listing(product_id)
        return view_depth(product_id, listing, levels, parts.clock.now_ms())


def _next(seen: int, total: int) -> str:
    return str(seen) if seen < total else ""


def _oversees(principal: Principal) -> bool:
    return principal.kind in OVERSIGHT
