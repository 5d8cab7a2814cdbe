"""Reads requests strictly: every violation at once, each with its field."""

from __future__ import annotations

from hexi.marketplace.v1 import marketplace_service_pb2 as pb
from hexi_kit.errors import InvalidArgument, Violation
from hexi_kit.ids import derive
from hexi_kit.rpc.validate import Violations

from hexi_marketplace.domain.order import Order, Side
from hexi_marketplace.domain.product import Product, parse_product
from hexi_marketplace.wire.enums import SIDE_OF, TIME_OF

PAGE_DEFAULT = 100
PAGE_MAX = 500
UNITS_MAX = 2**31 - 1
# Price times units stays far inside of 64 bits.
PRICE_MAX = 10**9
WATCHED_MAX = 1_000
LEVELS_MAX = 100


def read_order(
    request: pb.PlaceOrderRequest, placed_at_ms: int, traceparent: str
) -> tuple[Order, Product]:
    """The order a request asks for; its id is derived from account and key."""
    found = Violations()
    found.identifier("idempotency_key", request.idempotency_key)
    found.identifier("account", request.account)
    side, time_in_force = SIDE_OF.get(request.side), TIME_OF.get(request.time_in_force)
    found.require(side is not None, "side", "expected buy or sell")
    found.require(time_in_force is not None, "time_in_force", "expected a known time in force")
    if side is not Side.SELL:
        found.identifier("tenant_id", request.tenant_id)
    found.bounded("price_micro_yuan", request.price_micro_yuan, 1, PRICE_MAX)
    found.bounded("units", request.units, 1, UNITS_MAX)
    product = _product(found, "product_id", request.product_id)
    found.raise_if_any()
    assert side is not None and time_in_force is not None and product is not None
    order = Order(
        derive("order", request.account, request.idempotency_key),
        request.product_id,
        request.account,
        # A seller's side of the lease is the account that operates the site.
        request.tenant_id if side is Side.BUY else request.account,
        side,
        request.price_micro_yuan,
        request.units,
        time_in_force,
        placed_at_ms=placed_at_ms,
        traceparent=traceparent,
    )
    return order, product


def read_cancel(request: pb.CancelOrderRequest) -> str:
    found = Violations()
    found.identifier("idempotency_key", request.idempotency_key)
    found.identifier("order_id", request.order_id)
    found.raise_if_any()
    return request.order_id


def read_order_id(order_id: str) -> str:
    found = Violations()
    found.identifier("order_id", order_id)
    found.raise_if_any()
    return order_id


def read_book(request: pb.GetBookRequest) -> tuple[str, int]:
    """The product and how many levels of each side; 0 leaves the number to us."""
    found = Violations()
    _product(found, "product_id", request.product_id)
    found.bounded("levels", request.levels, 0, LEVELS_MAX)
    found.raise_if_any()
    return request.product_id, request.levels


def read_product_ids(product_ids: list[str]) -> frozenset[str]:
    found = Violations()
    found.bounded("product_ids", len(product_ids), 0, WATCHED_MAX)
    for product_id in product_ids[:WATCHED_MAX]:
        _product(found, "product_ids", product_id)
    found.raise_if_any()
    return frozenset(product_ids)


def read_page(size: int, token: str) -> tuple[int, int]:
    """How many rows, after how many; a token is the number of rows already seen."""
    found = Violations()
    found.bounded("page_size", size, 0, PAGE_MAX)
    if token and not (token.isascii() and token.isdigit() and len(token) <= 9):
        raise InvalidArgument([Violation("page_token", "expected a token of an earlier answer")])
    found.raise_if_any()
    return size or PAGE_DEFAULT, int(token or 0)


def read_filter(**names: str) -> None:
    """Filters are empty or identifiers."""
    found = Violations()
    for field, value in names.items():
        if value:
            found.identifier(field, value)
    found.raise_if_any()


def _product(found: Violations, field: str, product_id: str) -> Product | None:
    product = parse_product(product_id)
    found.require(
        product is not None,
        field,
        f"expected <class>.<grade>.<site>.<yyyymmddThhmm at a quarter>, was {product_id[:80]!r}",
    )
    return product
