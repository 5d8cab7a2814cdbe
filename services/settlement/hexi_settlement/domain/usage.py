"""Rating: billing events become lines, fen and transfers, each event once."""

from collections.abc import Iterator
from dataclasses import dataclass

from hexi_settlement.domain.account import (
    FEE,
    PLATFORM,
    TAX,
    Account,
    AccountKind,
    receivable_of,
    unassigned_of,
)
from hexi_settlement.domain.bill import Bill, LineKey
from hexi_settlement.domain.book import Book
from hexi_settlement.domain.calendar import month_after, month_of
from hexi_settlement.domain.command import LineNeed, Needs
from hexi_settlement.domain.known import Mark, RatedUsage
from hexi_settlement.domain.rules import shares_between
from hexi_settlement.domain.stopped import Stopped
from hexi_settlement.domain.transfer import Cause, TransferCode


@dataclass(frozen=True, slots=True)
class Usage:
    """[start, end) of one placement, in unit-milliseconds at a price."""

    usage_id: str
    tenant_id: str
    site_id: str
    class_id: str
    lease_id: str
    price_micro_yuan: int
    unit_ms: int
    start_ms: int
    traceparent: str

    @property
    def line(self) -> LineNeed:
        return LineNeed(
            self.tenant_id, self.class_id, self.site_id, self.lease_id, self.price_micro_yuan
        )


@dataclass(frozen=True, slots=True)
class UsageEntry:
    """One record of the log: its good usages, and what is wrong with the others."""

    usages: tuple[Usage, ...]
    mark: Mark
    fault: str = ""


@dataclass(frozen=True, slots=True)
class RateUsages:
    """Bill the entries in order up to the first that can not be marked."""

    entries: tuple[UsageEntry, ...]

    def needs(self) -> Needs:
        usages = list(self._usages())
        return Needs(
            accounts=frozenset({FEE, TAX})
            | frozenset(unassigned_of(usage.site_id) for usage in usages),
            usages=frozenset(usage.usage_id for usage in usages),
            tenants=frozenset(usage.tenant_id for usage in usages),
            lines=frozenset(usage.line for usage in usages),
            sites=frozenset(usage.site_id for usage in usages),
        )

    def decide(self, book: Book) -> Stopped | None:
        for index, entry in enumerate(self.entries):
            for usage in entry.usages:
                if usage.usage_id in book.known.usages:
                    continue
                rate(book, usage)
            # Good usages of a bad record are billed; without its mark the record comes again.
            if entry.fault:
                return Stopped(index, entry.fault)
            book.mark(entry.mark)
        return None

    def _usages(self) -> Iterator[Usage]:
        return (usage for entry in self.entries for usage in entry.usages)


def rate(book: Book, usage: Usage) -> None:
    """Bill one usage in its month, or in the first open one when that month is closed."""
    month = month_of(usage.start_ms)
    if month <= book.known.closed_through:
        month = month_after(book.known.closed_through)
    key = LineKey(
        usage.tenant_id,
        month,
        usage.class_id,
        usage.site_id,
        usage.lease_id,
        usage.price_micro_yuan,
    )
    bill = book.bill(usage.tenant_id, month)
    payer = book.account_of(usage.tenant_id, AccountKind.CUSTOMER)
    micro_yuan = book.line(key).add(usage.unit_ms)
    before_fen, before_remainder = bill.total_fen, bill.remainder_micro_yuan
    bill.total_micro_yuan += micro_yuan
    book.keep_remainder(payer, bill.remainder_micro_yuan - before_remainder)
    fen = bill.total_fen - before_fen
    if fen:
        provider = _provider(book, usage.site_id)
        _pay(book, bill, before_fen, (payer, provider), Cause(usage.usage_id, usage.traceparent))
    book.rated(RatedUsage(usage.usage_id, key, usage.unit_ms, micro_yuan, fen, usage.traceparent))


def _provider(book: Book, site_id: str) -> Account:
    operator = book.known.operators.get(site_id)
    if operator is None:
        # Billing does not wait for the inventory: one unheard site would hold up all others.
        return book.account(unassigned_of(site_id), AccountKind.PROVIDER, site_id)
    return book.account_of(operator, AccountKind.PROVIDER)


def _pay(
    book: Book, bill: Bill, before_fen: int, parties: tuple[Account, Account], cause: Cause
) -> None:
    payer, provider = parties
    short_fen = bill.total_fen - before_fen - payer.balance_fen
    if short_fen > 0:
        owed = book.account(receivable_of(payer.owner), AccountKind.RECEIVABLE, payer.owner)
        book.post(owed, payer, short_fen, TransferCode.CREDIT_EXTENDED, cause)
    parts = shares_between(before_fen, bill.total_fen, bill.rates)
    if parts.provider_fen:
        book.post(payer, provider, parts.provider_fen, TransferCode.USAGE, cause)
    if parts.tax_fen:
        tax = book.account(TAX, AccountKind.TAX, PLATFORM)
        book.post(payer, tax, parts.tax_fen, TransferCode.TAX, cause)
    if parts.fee_fen:
        fee = book.account(FEE, AccountKind.FEE, PLATFORM)
        book.post(payer, fee, parts.fee_fen, TransferCode.FEE, cause)
