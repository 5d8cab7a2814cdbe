"""What a shard hears, in order, and what it says to each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from hexi_kit.ids import derive

from hexi_marketplace.domain.order import Order, OrderState


@dataclass(frozen=True, slots=True)
class Place:
    """Match this order."""

    order: Order


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take the order of this account out."""

    order_id: str
    product_id: str
    account: str


@dataclass(frozen=True, slots=True)
class Intend:
    """Money is about to be held for an order that should follow."""

    order_id: str
    product_id: str
    account: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Abandon:
    """The intended order is refused, now and if it should still come."""

    order_id: str
    product_id: str


@dataclass(frozen=True, slots=True)
class CloseGates:
    """Only time: orders of products whose gate has closed are over."""


Command = Place | Cancel | Intend | Abandon | CloseGates


class Trade(NamedTuple):
    """What was agreed. The price is the resting order's.

    `shard`, `offset` and `ordinal` say which trade of which command it is, and so name it.
    """

    shard: int
    offset: int
    ordinal: int
    product_id: str
    buy: Order
    sell: Order
    price_micro_yuan: int
    units: int
    agreed_at_ms: int

    @property
    def trade_id(self) -> str:
        """Made when asked for: most trades of a replay are never asked."""
        return derive("trade", self.shard, self.offset, self.ordinal)

    @property
    def lease_id(self) -> str:
        return derive("lease", self.shard, self.offset, self.ordinal)


class OrderOver(NamedTuple):
    """An order has ended; what is left of its hold goes back."""

    order_id: str
    product_id: str
    account: str
    hold_id: str
    state: OrderState
    units_left: int
    reason: str
    ended_at_ms: int


Event = Trade | OrderOver
