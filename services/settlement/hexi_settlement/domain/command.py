"""What a command is: it says what it needs to know, then decides on a book."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Protocol, TypeVar

from hexi_settlement.domain.book import Book

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class LineNeed:
    """A line of any open month."""

    tenant_id: str
    class_id: str
    site_id: str
    lease_id: str
    price_micro_yuan: int


@dataclass(frozen=True, slots=True)
class Needs:
    """Ids of what must be loaded; what does not exist is simply missing in the book.

    Accounts of named owners, of holds, of operators of sites and of tenants come along.
    """

    accounts: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()
    holds: frozenset[str] = frozenset()
    transfers: frozenset[str] = frozenset()
    usages: frozenset[str] = frozenset()
    trades: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    lines: frozenset[LineNeed] = frozenset()
    sites: frozenset[str] = frozenset()
    bills_through: str = ""


class Command(Protocol[T_co]):
    """Either raises before it changed anything, or changes the book and answers."""

    def needs(self) -> Needs: ...

    def decide(self, book: Book) -> T_co: ...


def together(needs: Iterable[Needs]) -> Needs:
    """Everything that any of them needs."""
    every = list(needs)
    if len(every) == 1:
        return every[0]
    sets = {
        one.name: frozenset().union(*(getattr(need, one.name) for need in every))
        for one in fields(Needs)
        if one.name != "bills_through"
    }
    return Needs(**sets, bills_through=max((need.bills_through for need in every), default=""))
