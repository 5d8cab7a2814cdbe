"""The ledger: one transaction at a time, rows and events and marks together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from hexi_contracts.topics import SETTLEMENT_INVOICE, SETTLEMENT_TRANSFER
from hexi_kit.db.queries import load
from hexi_kit.db.unit_of_work import UnitOfWork
from hexi_kit.kafka.record import Outgoing

from hexi_settlement.domain.command import Needs
from hexi_settlement.domain.known import Changes, Known
from hexi_settlement.store.load import load_known
from hexi_settlement.store.save import save_changes
from hexi_settlement.wire import outgoing

QUERIES = load("hexi_settlement.store", "queries.sql")


class PgLedger:
    """Writers of all processes wait for each other at the lock of the one ledger row."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PgTransaction]:
        async with UnitOfWork(self._pool) as uow:
            yield PgTransaction(uow)


class PgTransaction:
    """Load once, save once."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self._known = Known()

    async def load(self, needs: Needs) -> Known:
        self._known = await load_known(self._uow.connection, QUERIES, needs)
        return self._known

    async def save(self, changes: Changes) -> None:
        await save_changes(self._uow.connection, QUERIES, changes)
        if changes.transfers or changes.closed_through:
            known = self._known
            await self._uow.connection.execute(
                QUERIES.advance_ledger, known.sequence, known.closed_through
            )
        for mark in changes.marks:
            self._uow.mark(mark.topic, mark.partition, mark.next_offset)
        self._uow.publish(
            *(
                Outgoing(
                    SETTLEMENT_TRANSFER,
                    transfer.debit_account,
                    outgoing.transfer_posted(transfer),
                    transfer.transfer_id,
                    traceparent=transfer.cause.traceparent,
                )
                for transfer in changes.transfers
            ),
            *(
                Outgoing(
                    SETTLEMENT_INVOICE,
                    invoice.bill.tenant_id,
                    outgoing.invoice_issued(invoice),
                    invoice.invoice_id,
                )
                for invoice in changes.invoices
            ),
        )
