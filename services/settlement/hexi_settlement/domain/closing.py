"""The end of a month: every bill becomes an invoice, what is below one fen is waived."""

from dataclasses import dataclass

from hexi_settlement.domain.account import PLATFORM, ROUNDING, AccountKind
from hexi_settlement.domain.bill import Invoice, Line, invoice_of
from hexi_settlement.domain.book import Book
from hexi_settlement.domain.command import Needs


@dataclass(frozen=True, slots=True)
class CloseMonths:
    """Close every month up to and with this one; a closed month is never opened again."""

    through: str

    def needs(self) -> Needs:
        return Needs(accounts=frozenset({ROUNDING}), bills_through=self.through)

    def decide(self, book: Book) -> tuple[Invoice, ...]:
        if self.through <= book.known.closed_through:
            return ()
        lines: dict[tuple[str, str], list[Line]] = {}
        for key, line in book.known.lines.items():
            lines.setdefault((key.tenant_id, key.month), []).append(line)
        rounding = book.account(ROUNDING, AccountKind.ROUNDING, PLATFORM)
        issued = []
        for name, bill in sorted(book.known.bills.items()):
            if not book.known.closed_through < bill.month <= self.through:
                continue
            bill.issued_at_ms = book.moment.now_ms
            invoice = invoice_of(bill, lines.get(name, ()), closed=True)
            payer = book.account_of(bill.tenant_id, AccountKind.CUSTOMER)
            book.keep_remainder(payer, -bill.remainder_micro_yuan)
            book.keep_remainder(rounding, bill.remainder_micro_yuan)
            book.issue(invoice)
            issued.append(invoice)
        book.close_through(self.through)
        return tuple(issued)
