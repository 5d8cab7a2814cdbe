"""Values of marketplace.order.v1, both ways."""

from __future__ import annotations

from hexi.marketplace.v1 import marketplace_pb2 as pb
from hexi_kit.errors import Poison

from hexi_marketplace.domain.command import (
    Abandon,
    Cancel,
    CloseGates,
    Command,
    Intend,
    Place,
)
from hexi_marketplace.domain.order import Order
from hexi_marketplace.wire.enums import SIDE_OF, SIDES, TIME_OF, TIMES


def write_command(command: Command, now_ms: int) -> pb.OrderCommand:
    """The record of a command."""
    message = pb.OrderCommand(recorded_at_ms=now_ms)
    match command:
        case Place(order):
            message.place.order.CopyFrom(write_order(order))
            message.place.units_sellable = order.units_sellable
        case Cancel(order_id, product_id, account):
            message.cancel.order_id = order_id
            message.cancel.product_id = product_id
            message.cancel.account = account
        case Intend(order_id, product_id, account, amount_fen):
            message.intend.order_id = order_id
            message.intend.product_id = product_id
            message.intend.account = account
            message.intend.amount_fen = amount_fen
        case Abandon(order_id, product_id):
            message.abandon.order_id = order_id
            message.abandon.product_id = product_id
        case CloseGates():
            message.gate.now_ms = now_ms
    return message


def read_command(message: pb.OrderCommand) -> Command:
    """The command of a record.

    Raises:
        Poison: where it is none that this version knows.
    """
    match message.WhichOneof("item"):
        case "place":
            return Place(_read_place(message.place))
        case "cancel":
            cancel = message.cancel
            return Cancel(cancel.order_id, cancel.product_id, cancel.account)
        case "intend":
            intend = message.intend
            return Intend(intend.order_id, intend.product_id, intend.account, intend.amount_fen)
        case "abandon":
            return Abandon(message.abandon.order_id, message.abandon.product_id)
        case "gate":
            return CloseGates()
        case _:
            raise Poison("expected a command, was none or an unknown one")


def write_order(order: Order) -> pb.Order:
    return pb.Order(
        order_id=order.order_id,
        product_id=order.product_id,
        account=order.account,
        tenant_id=order.tenant_id,
        side=SIDES[order.side],
        price_micro_yuan=order.price_micro_yuan,
        units=order.units,
        time_in_force=TIMES[order.time_in_force],
        hold_id=order.hold_id,
        placed_at_ms=order.placed_at_ms,
        traceparent=order.traceparent,
    )


def _read_place(placed: pb.OrderPlaced) -> Order:
    message = placed.order
    side, time_in_force = SIDE_OF.get(message.side), TIME_OF.get(message.time_in_force)
    if side is None or time_in_force is None:
        raise Poison("expected an order with a side and a time in force, was one without")
    if not message.order_id or message.units <= 0 or message.price_micro_yuan <= 0:
        raise Poison("expected an order with id, units and price, was one without")
    return Order(
        message.order_id,
        message.product_id,
        message.account,
        message.tenant_id,
        side,
        message.price_micro_yuan,
        message.units,
        time_in_force,
        message.hold_id,
        message.placed_at_ms,
        message.traceparent,
        placed.units_sellable,
    )
