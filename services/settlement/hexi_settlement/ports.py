"""What handlers need from outside: a ledger to decide on, and a reader of what stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from hexi_settlement.domain.account import Account, AccountKind
from hexi_settlement.domain.bill import Invoice
from hexi_settlement.domain.command import Needs
from hexi_settlement.domain.known import Changes, Known
from hexi_settlement.domain.transfer import Transfer


class LedgerTransaction(Protocol):
    """Leaving well commits everything saved, leaving by an error nothing."""

    async def load(self, needs: Needs) -> Known: ...

    async def save(self, changes: Changes) -> None: ...


class Ledger(Protocol):
    """One transaction at a time, over all processes: the ledger has one order."""

    def transaction(self) -> AbstractAsyncContextManager[LedgerTransaction]: ...


@dataclass(frozen=True, slots=True)
class KindBalance:
    """All accounts of one kind together."""

    kind: AccountKind
    debits_fen: int
    credits_fen: int
    accounts: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Debits equal credits, or something is deeply wrong."""

    kinds: tuple[KindBalance, ...]
    transfers: int


class LedgerReader(Protocol):
    """Reads what is committed; never waits for the writer."""

    async def account(self, account_id: str) -> tuple[Account, int] | None:
        """The account and what of its money is held."""
        ...

    async def transfers(self, account_id: str, after: int, limit: int) -> Sequence[Transfer]:
        """Transfers of an account beyond a sequence, in order."""
        ...

    async def invoice(self, tenant_id: str, month: str) -> Invoice | None: ...

    async def closed_through(self) -> str: ...

    async def trial_balance(self) -> TrialBalance: ...
