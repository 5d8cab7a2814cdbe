"""Who operates which site, and is paid for what runs there."""

from dataclasses import dataclass

from hexi_settlement.domain.account import AccountKind, unassigned_of
from hexi_settlement.domain.book import Book
from hexi_settlement.domain.command import Needs
from hexi_settlement.domain.known import Mark
from hexi_settlement.domain.stopped import Stopped
from hexi_settlement.domain.transfer import Cause, TransferCode


@dataclass(frozen=True, slots=True)
class SiteEntry:
    """One record of the log; `site_id` is empty where it told us nothing."""

    site_id: str
    operator: str
    mark: Mark
    fault: str = ""


@dataclass(frozen=True, slots=True)
class RecordSites:
    """The newest record of a site wins; its operator gets an account."""

    entries: tuple[SiteEntry, ...]

    def needs(self) -> Needs:
        sites = frozenset(entry.site_id for entry in self.entries if entry.site_id)
        return Needs(
            accounts=frozenset(unassigned_of(site_id) for site_id in sites),
            owners=frozenset(entry.operator for entry in self.entries if entry.site_id),
            sites=sites,
        )

    def decide(self, book: Book) -> Stopped | None:
        for index, entry in enumerate(self.entries):
            if entry.fault:
                return Stopped(index, entry.fault)
            if entry.site_id:
                _assign(book, entry)
            book.mark(entry.mark)
        return None


def _assign(book: Book, entry: SiteEntry) -> None:
    """What the site earned before its operator was known is paid out now; it happens once."""
    book.operate(entry.site_id, entry.operator)
    provider = book.account_of(entry.operator, AccountKind.PROVIDER)
    waiting = book.known.accounts.get(unassigned_of(entry.site_id))
    if waiting is not None and waiting.balance_fen:
        cause = Cause(entry.site_id)
        book.post(waiting, provider, waiting.balance_fen, TransferCode.OPERATOR_ASSIGNED, cause)
