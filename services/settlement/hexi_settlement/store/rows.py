"""Rows of the database as domain values, one function a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hexi_settlement.domain.account import Account, AccountKind
from hexi_settlement.domain.bill import Bill, Line, LineKey
from hexi_settlement.domain.hold import Hold, HoldState
from hexi_settlement.domain.rules import Rates
from hexi_settlement.domain.transfer import Cause, Transfer, TransferCode

Row = Mapping[str, Any]


def account(row: Row) -> Account:
    return Account(
        row["account_id"],
        AccountKind(row["kind"]),
        row["owner"],
        row["debits_fen"],
        row["credits_fen"],
        row["remainder_micro_yuan"],
    )


def transfer(row: Row) -> Transfer:
    return Transfer(
        row["transfer_id"],
        row["debit_account"],
        row["credit_account"],
        row["amount_fen"],
        TransferCode(row["code"]),
        Cause(row["subject"], row["traceparent"]),
        row["posted_at_ms"],
        row["sequence"],
    )


def hold(row: Row) -> Hold:
    return Hold(
        row["hold_id"],
        row["account_id"],
        row["amount_fen"],
        row["subject"],
        _rates(row),
        row["traded_micro_yuan"],
        HoldState(row["state"]),
    )


def bill(row: Row) -> Bill:
    return Bill(
        row["tenant_id"],
        row["month"],
        _rates(row),
        row["total_micro_yuan"],
        row["issued_at_ms"],
    )


def line(row: Row) -> Line:
    key = LineKey(
        row["tenant_id"],
        row["month"],
        row["class_id"],
        row["site_id"],
        row["lease_id"],
        row["price_micro_yuan"],
    )
    return Line(key, row["unit_ms"], row["usages"])


def _rates(row: Row) -> Rates:
    return Rates(row["tax_ppm"], row["tax_rule"], row["fee_ppm"])
