"""Values of the domain as messages."""

from hexi.settlement.v1 import settlement_pb2 as pb
from hexi.settlement.v1 import settlement_service_pb2 as rpc

from hexi_settlement.domain.account import Account
from hexi_settlement.domain.bill import Invoice
from hexi_settlement.domain.hold import Hold
from hexi_settlement.domain.transfer import Transfer
from hexi_settlement.ports import TrialBalance


def account(found: Account, held_fen: int) -> pb.Account:
    return pb.Account(
        account_id=found.account_id,
        kind=pb.AccountKind.ValueType(found.kind),
        owner=found.owner,
        debits_fen=found.debits_fen,
        credits_fen=found.credits_fen,
        held_fen=held_fen,
        remainder_micro_yuan=found.remainder_micro_yuan,
    )


def hold(found: Hold) -> pb.Hold:
    return pb.Hold(
        hold_id=found.hold_id,
        account_id=found.account_id,
        amount_fen=found.amount_fen,
        captured_fen=found.captured_fen,
        state=pb.HoldState.ValueType(found.state),
        subject=found.subject,
    )


def transfer_posted(transfer: Transfer) -> pb.TransferPosted:
    return pb.TransferPosted(
        transfer_id=transfer.transfer_id,
        debit_account=transfer.debit_account,
        credit_account=transfer.credit_account,
        amount_fen=transfer.amount_fen,
        code=pb.TransferCode.ValueType(transfer.code),
        subject=transfer.cause.subject,
        posted_at_ms=transfer.posted_at_ms,
        traceparent=transfer.cause.traceparent,
        sequence=transfer.sequence,
    )


def invoice_issued(invoice: Invoice) -> pb.InvoiceIssued:
    bill = invoice.bill
    return pb.InvoiceIssued(
        invoice_id=invoice.invoice_id,
        tenant_id=bill.tenant_id,
        month=bill.month,
        lines=[
            pb.InvoiceLine(
                class_id=line.key.class_id,
                site_id=line.key.site_id,
                lease_id=line.key.lease_id,
                price_micro_yuan=line.key.price_micro_yuan,
                unit_ms=line.unit_ms,
                amount_micro_yuan=line.amount_micro_yuan,
                usages=line.usages,
            )
            for line in invoice.lines
        ],
        net_fen=bill.total_fen - bill.tax_fen,
        tax_fen=bill.tax_fen,
        total_fen=bill.total_fen,
        remainder_micro_yuan=bill.remainder_micro_yuan,
        tax_rate_ppm=bill.rates.tax_ppm,
        tax_rule=bill.rates.tax_rule,
        closed=invoice.closed,
        issued_at_ms=bill.issued_at_ms,
    )


def trial_balance(balance: TrialBalance) -> rpc.GetTrialBalanceResponse:
    return rpc.GetTrialBalanceResponse(
        debits_fen=sum(kind.debits_fen for kind in balance.kinds),
        credits_fen=sum(kind.credits_fen for kind in balance.kinds),
        kinds=[
            rpc.KindBalance(
                kind=pb.AccountKind.ValueType(kind.kind),
                debits_fen=kind.debits_fen,
                credits_fen=kind.credits_fen,
                accounts=kind.accounts,
            )
            for kind in balance.kinds
        ],
        transfers=balance.transfers,
    )
