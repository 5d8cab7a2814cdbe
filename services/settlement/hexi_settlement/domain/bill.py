"""A tenant's month: lines that add up exactly, a total in fen, a remainder below one fen."""

from collections.abc import Iterable
from dataclasses import dataclass

from hexi_kit.ids import derive

from hexi_settlement.domain.rules import Rates, shares

MICRO_YUAN_PER_FEN = 10_000
SLOT_MS = 900_000


@dataclass(frozen=True, slots=True, order=True)
class LineKey:
    """What usage has in common when it stands on one line; orders lines too."""

    tenant_id: str
    month: str
    class_id: str
    site_id: str
    lease_id: str
    price_micro_yuan: int


@dataclass(slots=True)
class Line:
    """unit_ms x price = amount x SLOT_MS + what is below one micro-yuan, at any time.

    A line with a lease shows price and delivery but no amount: it was paid by its trade.
    """

    key: LineKey
    unit_ms: int = 0
    usages: int = 0

    @property
    def amount_micro_yuan(self) -> int:
        if self.key.lease_id:
            return 0
        return self.unit_ms * self.key.price_micro_yuan // SLOT_MS

    def add(self, unit_ms: int) -> int:
        """Count one more usage; how many micro-yuan it adds."""
        before = self.amount_micro_yuan
        self.unit_ms += unit_ms
        self.usages += 1
        return self.amount_micro_yuan - before


@dataclass(slots=True)
class Bill:
    """The running total of one tenant and month, at the rates of the month's first day."""

    tenant_id: str
    month: str
    rates: Rates
    total_micro_yuan: int = 0
    issued_at_ms: int = 0

    @property
    def total_fen(self) -> int:
        return self.total_micro_yuan // MICRO_YUAN_PER_FEN

    @property
    def remainder_micro_yuan(self) -> int:
        return self.total_micro_yuan % MICRO_YUAN_PER_FEN

    @property
    def tax_fen(self) -> int:
        return shares(self.total_fen, self.rates).tax_fen


@dataclass(frozen=True, slots=True)
class Invoice:
    """A bill with its lines; closed for ever once issued."""

    bill: Bill
    lines: tuple[Line, ...]
    closed: bool

    @property
    def invoice_id(self) -> str:
        return derive("invoice", self.bill.tenant_id, self.bill.month)


def invoice_of(bill: Bill, lines: Iterable[Line], closed: bool) -> Invoice:
    """Put the lines in order and refuse to show a sum that they do not make."""
    ordered = tuple(sorted(lines, key=lambda line: line.key))
    summed = sum(line.amount_micro_yuan for line in ordered)
    if summed != bill.total_micro_yuan:
        raise ArithmeticError(
            f"{bill.tenant_id} {bill.month}: expected {bill.total_micro_yuan}, lines say {summed}"
        )
    return Invoice(bill, ordered, closed)
