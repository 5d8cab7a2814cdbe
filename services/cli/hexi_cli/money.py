"""`hexi bill`, `hexi account`: what is owed and what is there."""

from __future__ import annotations

from typing import Annotated

import typer
from hexi.settlement.v1 import settlement_service_pb2 as pb
from hexi.settlement.v1.settlement_service_pb2_grpc import SettlementServiceStub

from hexi_cli.render import told_in_one_sentence, yuan, yuan_of_micro
from hexi_cli.state import State, state_of

app = typer.Typer()


def settlement(state: State) -> SettlementServiceStub:
    return state.stub("settlement", SettlementServiceStub)


@app.command()
def bill(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(envvar="HEXI_TENANT")],
    month: Annotated[str, typer.Argument(help="yyyy-mm")],
) -> None:
    """The invoice of a tenant and month, so far while the month is open."""
    state = state_of(context)
    with told_in_one_sentence():
        invoice = (
            settlement(state)
            .GetInvoice(pb.GetInvoiceRequest(tenant_id=tenant, month=month))
            .invoice
        )
    state.printer.messages(
        [invoice],
        ("class", "site", "lease", "price", "unit-hours", "amount", "usages"),
        (
            (
                line.class_id,
                line.site_id,
                line.lease_id or "–",
                yuan_of_micro(line.price_micro_yuan),
                f"{line.unit_ms // 3_600_000:,}.{line.unit_ms % 3_600_000 * 100 // 3_600_000:02d}",
                yuan_of_micro(line.amount_micro_yuan),
                line.usages,
            )
            for line in invoice.lines
        ),
    )
    if not state.printer.as_json:
        state.printer.console.print(
            f"net {yuan(invoice.net_fen)}  VAT {yuan(invoice.tax_fen)}  "
            f"total {yuan(invoice.total_fen)} CNY",
            highlight=False,
        )


@app.command()
def account(context: typer.Context, account_id: str) -> None:
    """An account: what came in, what went out, what is held."""
    state = state_of(context)
    with told_in_one_sentence():
        found = settlement(state).GetAccount(pb.GetAccountRequest(account_id=account_id)).account
    balance = found.credits_fen - found.debits_fen
    state.printer.messages(
        [found],
        ("account", "balance", "held"),
        [(found.account_id, yuan(balance), yuan(found.held_fen))],
    )
