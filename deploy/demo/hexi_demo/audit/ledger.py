"""The settlement database as plain rows, read once by its owner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncpg

TABLES = ("account", "transfer", "hold", "trade", "bill", "bill_line", "usage")
Row = Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Ledger:
    """Rows of each table of schema `settlement`; transfers in their sequence."""

    account: list[Row] = field(default_factory=list)
    transfer: list[Row] = field(default_factory=list)
    hold: list[Row] = field(default_factory=list)
    trade: list[Row] = field(default_factory=list)
    bill: list[Row] = field(default_factory=list)
    bill_line: list[Row] = field(default_factory=list)
    usage: list[Row] = field(default_factory=list)


async def read(dsn: str) -> Ledger:
    """All tables from one snapshot."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            rows: dict[str, list[Row]] = {}
            for table in TABLES:
                found = await connection.fetch(f"SELECT * FROM settlement.{table}")
                rows[table] = [dict(row) for row in found]
    finally:
        await connection.close()
    rows["transfer"].sort(key=lambda row: int(row["sequence"]))
    return Ledger(**rows)
