"""SettlementService: check the request, check whose it is, decide or read, render."""

from __future__ import annotations

from typing import Any

import grpc
from hexi.settlement.v1 import settlement_service_pb2 as rpc
from hexi.settlement.v1 import settlement_service_pb2_grpc
from hexi_kit.metrics import counter
from hexi_kit.rpc.context import current_principal
from hexi_kit.tracing import current_traceparent

from hexi_settlement.api import checks
from hexi_settlement.domain.account import AccountKind
from hexi_settlement.domain.bill import Bill, Invoice
from hexi_settlement.domain.desk import Deposit, OpenAccount, PlaceHold, ReleaseHold
from hexi_settlement.domain.rules import Rates
from hexi_settlement.handlers import access
from hexi_settlement.handlers.write import Writer
from hexi_settlement.ports import LedgerReader
from hexi_settlement.wire import outgoing

Context = grpc.aio.ServicerContext[Any, Any]


class SettlementServicer(settlement_service_pb2_grpc.SettlementServiceServicer):
    """Writes go through the one writer; reads stand beside it."""

    def __init__(self, writer: Writer, reader: LedgerReader) -> None:
        self._writer, self._reader = writer, reader

    async def OpenAccount(
        self, request: rpc.OpenAccountRequest, context: Context
    ) -> rpc.OpenAccountResponse:
        checks.open_account(request)
        kind = AccountKind(request.kind)
        account = await self._writer.submit(OpenAccount(request.account_id, kind, request.owner))
        return rpc.OpenAccountResponse(account=outgoing.account(account, 0))

    async def Deposit(self, request: rpc.DepositRequest, context: Context) -> rpc.DepositResponse:
        checks.deposit(request)
        posted = await self._writer.submit(
            Deposit(
                request.account_id,
                request.amount_fen,
                request.idempotency_key,
                current_traceparent(),
            )
        )
        return rpc.DepositResponse(transfer=outgoing.transfer_posted(posted))

    async def GetAccount(
        self, request: rpc.GetAccountRequest, context: Context
    ) -> rpc.GetAccountResponse:
        checks.get_account(request)
        account, held_fen = await access.account_for(
            self._reader, current_principal(), request.account_id
        )
        return rpc.GetAccountResponse(account=outgoing.account(account, held_fen))

    async def PlaceHold(
        self, request: rpc.PlaceHoldRequest, context: Context
    ) -> rpc.PlaceHoldResponse:
        checks.place_hold(request)
        hold = await self._writer.submit(
            PlaceHold(
                request.account_id,
                request.amount_fen,
                request.subject,
                request.idempotency_key,
                current_traceparent(),
            )
        )
        counter("settlement.holds_placed").add(1)
        return rpc.PlaceHoldResponse(hold=outgoing.hold(hold))

    async def ReleaseHold(
        self, request: rpc.ReleaseHoldRequest, context: Context
    ) -> rpc.ReleaseHoldResponse:
        checks.release_hold(request)
        hold = await self._writer.submit(ReleaseHold(request.hold_id, current_traceparent()))
        return rpc.ReleaseHoldResponse(hold=outgoing.hold(hold))

    async def ListTransfers(
        self, request: rpc.ListTransfersRequest, context: Context
    ) -> rpc.ListTransfersResponse:
        after, limit = checks.list_transfers(request)
        await access.account_for(self._reader, current_principal(), request.account_id)
        found = await self._reader.transfers(request.account_id, after, limit)
        more = str(found[-1].sequence) if len(found) == limit else ""
        return rpc.ListTransfersResponse(
            transfers=[outgoing.transfer_posted(one) for one in found], next_page_token=more
        )

    async def GetInvoice(
        self, request: rpc.GetInvoiceRequest, context: Context
    ) -> rpc.GetInvoiceResponse:
        checks.get_invoice(request)
        await access.check_invoice(self._reader, current_principal(), request.tenant_id)
        invoice = await self._reader.invoice(request.tenant_id, request.month)
        if invoice is None:
            # Nothing was used: the bill of that month is empty, not unknown.
            empty = Bill(request.tenant_id, request.month, Rates(0, "", 0))
            closed = request.month <= await self._reader.closed_through()
            invoice = Invoice(empty, (), closed)
        return rpc.GetInvoiceResponse(invoice=outgoing.invoice_issued(invoice))

    async def GetTrialBalance(
        self, request: rpc.GetTrialBalanceRequest, context: Context
    ) -> rpc.GetTrialBalanceResponse:
        return outgoing.trial_balance(await self._reader.trial_balance())
