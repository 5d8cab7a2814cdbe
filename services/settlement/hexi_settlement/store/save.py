"""Writes what commands changed, each table in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hexi_kit.db.queries import Queries

from hexi_settlement.domain.bill import LineKey
from hexi_settlement.domain.known import Changes


async def save_changes(connection: Any, queries: Queries, changes: Changes) -> None:
    """The rows only; marks and events belong to the unit of work."""

    async def write(query: str, table: Sequence[tuple[Any, ...]]) -> None:
        if table:
            await connection.execute(query, *(list(column) for column in zip(*table, strict=True)))

    await write(queries.save_accounts, _accounts(changes))
    await write(queries.save_transfers, _transfers(changes))
    await write(queries.save_holds, _holds(changes))
    await write(queries.save_trades, _trades(changes))
    await write(queries.save_bills, _bills(changes))
    await write(
        queries.save_lines,
        [(*_key(line.key), line.unit_ms, line.usages) for line in changes.lines.values()],
    )
    await write(queries.save_usages, _usages(changes))
    await write(queries.save_operators, sorted(changes.operators.items()))


Rows = list[tuple[Any, ...]]


def _accounts(changes: Changes) -> Rows:
    return [
        (a.account_id, a.kind, a.owner, a.debits_fen, a.credits_fen, a.remainder_micro_yuan)
        for a in changes.accounts.values()
    ]


def _transfers(changes: Changes) -> Rows:
    return [
        (
            t.sequence,
            t.transfer_id,
            t.debit_account,
            t.credit_account,
            t.amount_fen,
            t.code,
            t.cause.subject,
            t.posted_at_ms,
            t.cause.traceparent,
        )
        for t in changes.transfers
    ]


def _holds(changes: Changes) -> Rows:
    return [
        (
            h.hold_id,
            h.account_id,
            h.amount_fen,
            h.subject,
            h.rates.tax_ppm,
            h.rates.tax_rule,
            h.rates.fee_ppm,
            h.traded_micro_yuan,
            h.state,
        )
        for h in changes.holds.values()
    ]


def _trades(changes: Changes) -> Rows:
    return [
        (t.trade_id, t.hold_id, t.seller_account, t.amount_micro_yuan, t.posted_fen)
        for t in changes.trades
    ]


def _bills(changes: Changes) -> Rows:
    return [
        (
            b.tenant_id,
            b.month,
            b.rates.tax_ppm,
            b.rates.tax_rule,
            b.rates.fee_ppm,
            b.total_micro_yuan,
            b.issued_at_ms,
        )
        for b in changes.bills.values()
    ]


def _usages(changes: Changes) -> Rows:
    return [
        (
            u.usage_id,
            *_key(u.line),
            u.unit_ms,
            u.amount_micro_yuan,
            u.posted_fen,
            u.traceparent,
        )
        for u in changes.usages
    ]


def _key(key: LineKey) -> tuple[str, str, str, str, str, int]:
    return (
        key.tenant_id,
        key.month,
        key.class_id,
        key.site_id,
        key.lease_id,
        key.price_micro_yuan,
    )
