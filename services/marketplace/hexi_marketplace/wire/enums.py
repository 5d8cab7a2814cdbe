"""Enumerations, both ways."""

from __future__ import annotations

from typing import TypeVar

from hexi.marketplace.v1 import marketplace_pb2 as pb

from hexi_marketplace.domain.order import OrderState, Side, TimeInForce

Key = TypeVar("Key")
Value = TypeVar("Value")

SIDES = {Side.BUY: pb.SIDE_BUY, Side.SELL: pb.SIDE_SELL}
TIMES = {
    TimeInForce.GOOD_TILL_CANCELLED: pb.TIME_IN_FORCE_GOOD_TILL_CANCELLED,
    TimeInForce.IMMEDIATE_OR_CANCEL: pb.TIME_IN_FORCE_IMMEDIATE_OR_CANCEL,
}
STATES = {
    OrderState.OPEN: pb.ORDER_STATE_OPEN,
    OrderState.PARTLY_FILLED: pb.ORDER_STATE_PARTLY_FILLED,
    OrderState.FILLED: pb.ORDER_STATE_FILLED,
    OrderState.CANCELLED: pb.ORDER_STATE_CANCELLED,
    OrderState.EXPIRED: pb.ORDER_STATE_EXPIRED,
    OrderState.REFUSED: pb.ORDER_STATE_REFUSED,
}


def _turned(pairs: dict[Key, Value]) -> dict[Value, Key]:
    return {value: key for key, value in pairs.items()}


SIDE_OF = _turned(SIDES)
TIME_OF = _turned(TIMES)
