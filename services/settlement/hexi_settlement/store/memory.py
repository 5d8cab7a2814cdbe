"""The ledger in memory: passes the suite of the one in Postgres, forgets at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy

from hexi_settlement.domain.account import Account, hold_account_of
from hexi_settlement.domain.bill import Invoice, LineKey, invoice_of
from hexi_settlement.domain.command import LineNeed, Needs
from hexi_settlement.domain.known import Changes, Known, RatedUsage
from hexi_settlement.domain.transfer import Transfer
from hexi_settlement.ports import KindBalance, TrialBalance


class MemoryLedger:
    """Ledger and reader in one; knows exactly what was saved and lends only what was asked for."""

    def __init__(self) -> None:
        self.all = Known()
        self.usages: list[RatedUsage] = []
        self.invoices: list[Invoice] = []
        self.marks: dict[tuple[str, int], int] = {}
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_Transaction]:
        async with self._lock:
            transaction = _Transaction(self)
            yield transaction
            transaction.commit()

    async def account(self, account_id: str) -> tuple[Account, int] | None:
        found = self.all.accounts.get(account_id)
        held = self.all.accounts.get(hold_account_of(account_id))
        return (deepcopy(found), held.balance_fen if held else 0) if found else None

    async def transfers(self, account_id: str, after: int, limit: int) -> Sequence[Transfer]:
        found = [
            transfer
            for transfer in self.all.transfers.values()
            if account_id in (transfer.debit_account, transfer.credit_account)
            and transfer.sequence > after
        ]
        return sorted(found, key=lambda transfer: transfer.sequence)[:limit]

    async def invoice(self, tenant_id: str, month: str) -> Invoice | None:
        bill = self.all.bills.get((tenant_id, month))
        if bill is None:
            return None
        lines = [
            line
            for key, line in self.all.lines.items()
            if (key.tenant_id, key.month) == (tenant_id, month)
        ]
        return deepcopy(invoice_of(bill, lines, bill.issued_at_ms > 0))

    async def closed_through(self) -> str:
        return self.all.closed_through

    async def trial_balance(self) -> TrialBalance:
        accounts = self.all.accounts.values()
        kinds = []
        for kind in sorted({account.kind for account in accounts}):
            of_kind = [account for account in accounts if account.kind == kind]
            debits_fen = sum(account.debits_fen for account in of_kind)
            credits_fen = sum(account.credits_fen for account in of_kind)
            kinds.append(KindBalance(kind, debits_fen, credits_fen, len(of_kind)))
        return TrialBalance(tuple(kinds), self.all.sequence)


class _Transaction:
    """Works on copies, so that leaving by an error changes nothing."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self._ledger = ledger
        self._known = Known()
        self._changes = Changes()

    async def load(self, needs: Needs) -> Known:
        self._known = deepcopy(_lent(self._ledger.all, needs))
        return self._known

    async def save(self, changes: Changes) -> None:
        self._changes = changes

    def commit(self) -> None:
        ledger, changes = self._ledger, deepcopy(self._changes)
        ledger.all.accounts |= changes.accounts
        ledger.all.holds |= changes.holds
        ledger.all.bills |= changes.bills
        ledger.all.lines |= changes.lines
        ledger.all.operators |= changes.operators
        ledger.all.transfers |= {one.transfer_id: one for one in changes.transfers}
        ledger.all.usages |= {usage.usage_id for usage in changes.usages}
        ledger.all.trades |= {trade.trade_id for trade in changes.trades}
        ledger.all.sequence += len(changes.transfers)
        ledger.all.closed_through = changes.closed_through or ledger.all.closed_through
        ledger.usages += changes.usages
        ledger.invoices += changes.invoices
        for mark in changes.marks:
            ledger.marks[mark.topic, mark.partition] = mark.next_offset


def _lent(known: Known, needs: Needs) -> Known:
    lent = Known(sequence=known.sequence, closed_through=known.closed_through)
    lent.holds = {name: known.holds[name] for name in needs.holds & known.holds.keys()}
    lent.operators = {name: known.operators[name] for name in needs.sites & known.operators.keys()}
    lent.transfers = {
        name: known.transfers[name] for name in needs.transfers & known.transfers.keys()
    }
    lent.usages = set(needs.usages & known.usages)
    lent.trades = set(needs.trades & known.trades)
    lent.bills = {
        (tenant, month): bill
        for (tenant, month), bill in known.bills.items()
        if month > known.closed_through
        and (tenant in needs.tenants or month <= needs.bills_through)
    }
    lent.lines = {
        key: line
        for key, line in known.lines.items()
        if key.month > known.closed_through
        and (_need(key) in needs.lines or key.month <= needs.bills_through)
    }
    owners = needs.owners | needs.tenants | set(lent.operators.values())
    owners |= {tenant for tenant, _ in lent.bills}
    names = needs.accounts | {hold.account_id for hold in lent.holds.values()}
    owners |= {known.accounts[name].owner for name in names & known.accounts.keys()}
    lent.accounts = {
        name: account
        for name, account in known.accounts.items()
        if name in names or name in owners or account.owner in owners
    }
    return lent


def _need(key: LineKey) -> LineNeed:
    return LineNeed(key.tenant_id, key.class_id, key.site_id, key.lease_id, key.price_micro_yuan)
