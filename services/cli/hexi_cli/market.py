"""`hexi order …`, `hexi book`, `hexi trades`, `hexi products`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from hexi.marketplace.v1 import marketplace_pb2
from hexi.marketplace.v1 import marketplace_service_pb2 as pb
from hexi.marketplace.v1.marketplace_service_pb2_grpc import MarketplaceServiceStub
from hexi_kit import ids

from hexi_cli.render import enum_word, told_in_one_sentence, when, yuan_of_micro
from hexi_cli.state import State, state_of

app = typer.Typer()
orders = typer.Typer(help="Orders on a product. 订单", no_args_is_help=True)
app.add_typer(orders, name="order")
Account = Annotated[str, typer.Option(help="whose order", envvar="HEXI_ACCOUNT")]
ProductId = Annotated[str, typer.Argument(help="as `hexi products` prints it")]


class Side(StrEnum):
    """Which side of the book."""

    buy = "buy"
    sell = "sell"


def marketplace(state: State) -> MarketplaceServiceStub:
    return state.stub("marketplace", MarketplaceServiceStub)


@orders.command()
def place(
    context: typer.Context,
    side: Annotated[Side, typer.Argument()],
    product: ProductId,
    units: Annotated[int, typer.Argument(min=1)],
    price: Annotated[int, typer.Argument(help="micro-yuan per unit and slot", min=1)],
    account: Account,
    tenant: Annotated[str, typer.Option(help="who will hold the lease")] = "",
    ioc: Annotated[bool, typer.Option("--ioc", help="now or not at all")] = False,
) -> None:
    """Place a limit order."""
    state = state_of(context)
    kept = (
        marketplace_pb2.TIME_IN_FORCE_IMMEDIATE_OR_CANCEL
        if ioc
        else marketplace_pb2.TIME_IN_FORCE_GOOD_TILL_CANCELLED
    )
    request = pb.PlaceOrderRequest(
        idempotency_key=ids.random_id(),
        account=account,
        tenant_id=tenant,
        product_id=product,
        side=marketplace_pb2.Side.Value(f"SIDE_{side.value.upper()}"),
        price_micro_yuan=price,
        units=units,
        time_in_force=kept,
    )
    with told_in_one_sentence():
        answer = marketplace(state).PlaceOrder(request)
    state.printer.say(answer, answer.order_id)


@orders.command()
def cancel(context: typer.Context, order_id: str) -> None:
    """Take an order back."""
    state = state_of(context)
    with told_in_one_sentence():
        answer = marketplace(state).CancelOrder(
            pb.CancelOrderRequest(idempotency_key=ids.random_id(), order_id=order_id)
        )
    state.printer.say(answer, f"{order_id}: cancellation asked")


@orders.command()
def show(context: typer.Context, order_id: str) -> None:
    """One order and what is left of it."""
    state = state_of(context)
    with told_in_one_sentence():
        view = marketplace(state).GetOrder(pb.GetOrderRequest(order_id=order_id)).view
    word = enum_word(marketplace_pb2.OrderState.Name(view.state), "ORDER_STATE_")
    text = f"{order_id}: {word}, {view.units_left} of {view.order.units} left {view.reason}"
    state.printer.say(view, text.rstrip())


@app.command()
def products(context: typer.Context, site: str = "", class_id: str = "") -> None:
    """Products that can be traded now."""
    state = state_of(context)
    request = pb.ListProductsRequest(site_id=site, class_id=class_id, page_size=200)
    with told_in_one_sentence():
        found = marketplace(state).ListProducts(request).products
    state.printer.messages(
        found,
        ("product", "class", "site", "slot", "gate closes"),
        (
            (p.product_id, p.class_id, p.site_id, when(p.slot_start_ms), when(p.gate_closes_ms))
            for p in found
        ),
    )


@app.command()
def book(context: typer.Context, product: ProductId, levels: int = 10) -> None:
    """The book of a product, best prices first."""
    state = state_of(context)
    with told_in_one_sentence():
        depth = (
            marketplace(state).GetBook(pb.GetBookRequest(product_id=product, levels=levels)).depth
        )
    rows = []
    for index in range(max(len(depth.bids), len(depth.asks))):
        bid = depth.bids[index] if index < len(depth.bids) else None
        ask = depth.asks[index] if index < len(depth.asks) else None
        rows.append(
            (
                f"{bid.units:,}" if bid else "",
                yuan_of_micro(bid.price_micro_yuan) if bid else "",
                yuan_of_micro(ask.price_micro_yuan) if ask else "",
                f"{ask.units:,}" if ask else "",
            )
        )
    state.printer.messages([depth], ("units", "bid", "ask", "units"), rows)


@app.command()
def trades(context: typer.Context, product: str = "", account: str = "") -> None:
    """Trades of a product or an account."""
    state = state_of(context)
    request = pb.ListTradesRequest(product_id=product, account=account, page_size=200)
    with told_in_one_sentence():
        found = marketplace(state).ListTrades(request).trades
    state.printer.messages(
        found,
        ("trade", "product", "units", "price", "time"),
        (
            (
                t.trade_id,
                t.product_id,
                t.units,
                yuan_of_micro(t.price_micro_yuan),
                when(t.agreed_at_ms),
            )
            for t in found
        ),
    )
