"""Reads of committed rows, beside the writer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from hexi_settlement.domain.account import Account, AccountKind
from hexi_settlement.domain.bill import Invoice, invoice_of
from hexi_settlement.domain.transfer import Transfer
from hexi_settlement.ports import KindBalance, TrialBalance
from hexi_settlement.store import rows
from hexi_settlement.store.ledger import QUERIES


class PgReader:
    """What reads two tables does so in one snapshot."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    async def account(self, account_id: str) -> tuple[Account, int] | None:
        row = await self._pool.fetchrow(QUERIES.account, account_id)
        return (rows.account(row), row["held_fen"]) if row else None

    async def transfers(self, account_id: str, after: int, limit: int) -> Sequence[Transfer]:
        found = await self._pool.fetch(QUERIES.transfers_of, account_id, after, limit)
        return [rows.transfer(row) for row in found]

    async def invoice(self, tenant_id: str, month: str) -> Invoice | None:
        async with self._snapshot() as connection:
            row = await connection.fetchrow(QUERIES.bill, tenant_id, month)
            lines = await connection.fetch(QUERIES.lines_of, tenant_id, month)
        if row is None:
            return None
        bill = rows.bill(row)
        return invoice_of(bill, [rows.line(line) for line in lines], bill.issued_at_ms > 0)

    async def closed_through(self) -> str:
        row = await self._pool.fetchrow(QUERIES.ledger)
        return str(row["closed_through"]) if row else ""

    async def trial_balance(self) -> TrialBalance:
        async with self._snapshot() as connection:
            found = await connection.fetch(QUERIES.balances)
            at = await connection.fetchrow(QUERIES.ledger)
        kinds = tuple(
            KindBalance(
                AccountKind(row["kind"]), row["debits_fen"], row["credits_fen"], row["accounts"]
            )
            for row in found
        )
        return TrialBalance(kinds, at["sequence"])

    def _snapshot(self) -> _Snapshot:
        return _Snapshot(self._pool)


class _Snapshot:
    """One connection in one repeatable, read-only transaction."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    async def __aenter__(self) -> Any:
        self._connection: Any = await self._pool.acquire()
        self._transaction = self._connection.transaction(isolation="repeatable_read", readonly=True)
        await self._transaction.start()
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._transaction.rollback()
        finally:
            await self._pool.release(self._connection)
