"""Who operates which site, and is paid for what runs there."""

from dataclasses import dataclass

from hexi_settlement.domain.account import AccountKind
from hexi_settlement.domain.book import Book
from hexi_settlement.domain.command import Needs
from hexi_settlement.domain.known import Mark
from hexi_settlement.domain.stopped import Stopped


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
        return Needs(
            owners=frozenset(entry.operator for entry in self.entries if entry.site_id),
            sites=frozenset(entry.site_id for entry in self.entries if entry.site_id),
        )

    def decide(self, book: Book) -> Stopped | None:
        for index, entry in enumerate(self.entries):
            if entry.fault:
                return Stopped(index, entry.fault)
            if entry.site_id:
                book.operate(entry.site_id, entry.operator)
                book.account_of(entry.operator, AccountKind.PROVIDER)
            book.mark(entry.mark)
        return None
