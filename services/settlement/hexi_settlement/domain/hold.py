"""A hold: money set aside for an order, captured trade by trade, the rest given back."""

from dataclasses import dataclass
from enum import IntEnum

from hexi_settlement.domain.bill import MICRO_YUAN_PER_FEN
from hexi_settlement.domain.rules import Rates


class HoldState(IntEnum):
    """Numbers as on the wire and in the database."""

    PLACED = 1
    CAPTURED = 2
    RELEASED = 3


@dataclass(slots=True)
class Hold:
    """PLACED -> CAPTURED | RELEASED. Never is more captured than was set aside.

    `traded_micro_yuan` is the exact worth of its trades; only whole fen of it are captured.
    """

    hold_id: str
    account_id: str
    amount_fen: int
    subject: str
    rates: Rates
    traded_micro_yuan: int = 0
    state: HoldState = HoldState.PLACED

    @property
    def captured_fen(self) -> int:
        return self.traded_micro_yuan // MICRO_YUAN_PER_FEN

    @property
    def left_fen(self) -> int:
        return self.amount_fen - self.captured_fen if self.state == HoldState.PLACED else 0
