"""Reads what commands need; the order is that in which one thing names the next."""

from __future__ import annotations

from typing import Any

from hexi_kit.db.queries import Queries

from hexi_settlement.domain.command import Needs
from hexi_settlement.domain.known import Known
from hexi_settlement.store import rows


async def load_known(connection: Any, queries: Queries, needs: Needs) -> Known:
    """Take the lock of the one writer, then read."""
    at = await connection.fetchrow(queries.lock_ledger)
    known = Known(sequence=at["sequence"], closed_through=at["closed_through"])
    if needs.holds:
        found = await connection.fetch(queries.holds, list(needs.holds))
        known.holds = {row["hold_id"]: rows.hold(row) for row in found}
    if needs.sites:
        found = await connection.fetch(queries.operators, list(needs.sites))
        known.operators = {row["site_id"]: row["operator"] for row in found}
    if needs.tenants or needs.bills_through:
        await _load_bills(connection, queries, needs, known)
    await _load_seen(connection, queries, needs, known)
    owners = needs.owners | needs.tenants | frozenset(known.operators.values())
    owners |= frozenset(tenant for tenant, _ in known.bills)
    accounts = needs.accounts | frozenset(hold.account_id for hold in known.holds.values())
    found = await connection.fetch(queries.accounts, list(accounts | owners), list(owners))
    known.accounts = {row["account_id"]: rows.account(row) for row in found}
    return known


async def _load_bills(connection: Any, queries: Queries, needs: Needs, known: Known) -> None:
    closed = known.closed_through
    found = await connection.fetch(queries.bills, list(needs.tenants), needs.bills_through, closed)
    known.bills = {(row["tenant_id"], row["month"]): rows.bill(row) for row in found}
    lines = list(needs.lines)
    found = await connection.fetch(
        queries.lines,
        [line.tenant_id for line in lines],
        [line.class_id for line in lines],
        [line.site_id for line in lines],
        [line.lease_id for line in lines],
        [line.price_micro_yuan for line in lines],
        closed,
    )
    if needs.bills_through:
        found += await connection.fetch(queries.lines_through, closed, needs.bills_through)
    for row in found:
        line = rows.line(row)
        known.lines[line.key] = line


async def _load_seen(connection: Any, queries: Queries, needs: Needs, known: Known) -> None:
    if needs.transfers:
        found = await connection.fetch(queries.transfers_by_id, list(needs.transfers))
        known.transfers = {row["transfer_id"]: rows.transfer(row) for row in found}
    if needs.usages:
        found = await connection.fetch(queries.usages_seen, list(needs.usages))
        known.usages = {row["usage_id"] for row in found}
    if needs.trades:
        found = await connection.fetch(queries.trades_seen, list(needs.trades))
        known.trades = {row["trade_id"] for row in found}
