"""An order from the moment it is recorded until it is over."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

MICRO_YUAN_PER_FEN = 10_000


class Side(IntEnum):
    """The numbers also index the two halves of a book."""

    BUY = 0
    SELL = 1


class TimeInForce(Enum):
    GOOD_TILL_CANCELLED = "good-till-cancelled"
    IMMEDIATE_OR_CANCEL = "immediate-or-cancel"


class OrderState(Enum):
    OPEN = "open"
    PARTLY_FILLED = "partly-filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUSED = "refused"

    @property
    def over(self) -> bool:
        return self not in (OrderState.OPEN, OrderState.PARTLY_FILLED)


@dataclass(slots=True)
class Order:
    """What was asked, and below `units_left` what became of it; the book changes only the latter.

    `units_sellable` is, for sellers, what the site could deliver when the order was taken in.
    """

    order_id: str
    product_id: str
    account: str
    tenant_id: str
    side: Side
    price_micro_yuan: int
    units: int
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCELLED
    hold_id: str = ""
    placed_at_ms: int = 0
    traceparent: str = ""
    units_sellable: int = 0
    units_left: int = -1
    state: OrderState = OrderState.OPEN
    reason: str = ""

    def __post_init__(self) -> None:
        if self.units_left < 0:
            self.units_left = self.units

    def same_request(self, other: Order) -> bool:
        """Whether both ask for the same thing, whenever and with whatever hold."""
        return self._asked == other._asked

    @property
    def _asked(self) -> tuple[object, ...]:
        return (
            self.order_id,
            self.product_id,
            self.account,
            self.tenant_id,
            self.side,
            self.price_micro_yuan,
            self.units,
            self.time_in_force,
        )


def hold_fen(price_micro_yuan: int, units: int) -> int:
    """Money that covers the order at its limit, rounded up to the fen."""
    return -(-price_micro_yuan * units // MICRO_YUAN_PER_FEN)
