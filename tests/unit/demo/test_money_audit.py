"""Goal: the money checks catch a fen too much or too little. Method: a small true set of books."""

import copy
from dataclasses import replace

import pytest
from hexi.marketplace.v1 import marketplace_pb2
from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2
from hexi.settlement.v1 import settlement_pb2 as pb
from hexi_demo.audit import money, trace
from hexi_demo.audit.ledger import Ledger
from hexi_demo.audit.log import Entry

PRICE = 15_000
MIDNIGHT_MS = 1_796_054_400_000  # the first of December 2026 in Shanghai
NOVEMBER, DECEMBER = "2026-11", "2026-12"
UNIT_MS = 1_800_000  # two unit-slots: 30,000 micro-yuan = 3 fen


def used(name="u1", unit_ms=UNIT_MS, lease="", start_ms=MIDNIGHT_MS - 1):
    return place_pb2.Usage(
        usage_id=name,
        tenant_id="acme",
        site_id="lanzhou",
        class_id="general",
        lease_id=lease,
        price_micro_yuan=PRICE,
        unit_ms=unit_ms,
        start_ms=start_ms,
    )


def transfer(sequence, debit, credit, fen, code, subject):
    return {
        "sequence": sequence,
        "transfer_id": f"t{sequence}",
        "debit_account": debit,
        "credit_account": credit,
        "amount_fen": fen,
        "code": code,
        "subject": subject,
    }


def books():
    """A deposit, a hold, a trade on it and one usage, all true."""
    moves = [
        transfer(1, "cash", "acme", 100, pb.TRANSFER_CODE_DEPOSIT, "key"),
        transfer(2, "acme", "held", 10, pb.TRANSFER_CODE_HOLD, "h1"),
        transfer(3, "held", "site", 6, pb.TRANSFER_CODE_TRADE, "tr1"),
        transfer(4, "acme", "site", 2, pb.TRANSFER_CODE_USAGE, "u1"),
        transfer(5, "acme", "tax", 1, pb.TRANSFER_CODE_TAX, "u1"),
    ]
    names = sorted({m[side] for m in moves for side in ("debit_account", "credit_account")})
    accounts = [
        {
            "account_id": name,
            "debits_fen": sum(m["amount_fen"] for m in moves if m["debit_account"] == name),
            "credits_fen": sum(m["amount_fen"] for m in moves if m["credit_account"] == name),
        }
        for name in names
    ]
    line = {
        "tenant_id": "acme",
        "month": NOVEMBER,
        "class_id": "general",
        "site_id": "lanzhou",
        "lease_id": "",
        "price_micro_yuan": PRICE,
        "unit_ms": UNIT_MS,
    }
    return Ledger(
        account=accounts,
        transfer=moves,
        hold=[{"hold_id": "h1", "amount_fen": 10}],
        trade=[{"trade_id": "tr1"}],
        bill_line=[line],
        usage=[{"usage_id": "u1", "tenant_id": "acme", "month": NOVEMBER}],
    )


def invoices(total_fen=3, remainder=0):
    bill = pb.InvoiceIssued(total_fen=total_fen, remainder_micro_yuan=remainder)
    return {("acme", NOVEMBER): bill}


def trade(price=30_000, hold="h1", name="tr1"):
    agreed = marketplace_pb2.TradeAgreed(
        trade_id=name, buyer_hold_id=hold, price_micro_yuan=price, units=2
    )
    return [Entry(0, 0, "k", marketplace_pb2.TradeRecord(agreed=agreed))]


def told(ledger):
    return [
        Entry(0, n, "k", pb.TransferPosted(transfer_id=row["transfer_id"]))
        for n, row in enumerate(ledger.transfer)
    ]


def holds(checks):
    return all(check.passed for check in checks)


def changed(table, index, **fields):
    ledger = copy.deepcopy(books())
    rows = getattr(ledger, table)
    rows[index] = {**rows[index], **fields}
    return ledger


def test_true_books_pass_every_check():
    assert holds(money.usage_checks({"u1": used()}, books(), invoices()))
    assert holds(money.trade_checks(trade(), books()))
    assert holds(money.balance_checks(books(), told(books())))


def test_each_month_owes_its_own_whole_fen():
    """One and a half fen before midnight, as much after: three fen together, two to be paid."""
    half_ms = UNIT_MS // 2
    months = {"u1": NOVEMBER, "u2": DECEMBER}
    usages = {"u1": used(unit_ms=half_ms), "u2": used("u2", half_ms, start_ms=MIDNIGHT_MS)}
    ledger = Ledger(
        transfer=[
            transfer(n, "acme", "site", 1, pb.TRANSFER_CODE_USAGE, u) for n, u in enumerate(months)
        ],
        bill_line=[
            {**books().bill_line[0], "month": m, "unit_ms": half_ms} for m in months.values()
        ],
        usage=[{"usage_id": u, "tenant_id": "acme", "month": m} for u, m in months.items()],
    )
    bill = pb.InvoiceIssued(total_fen=1, remainder_micro_yuan=5_000)
    bills = {("acme", month): bill for month in months.values()}

    assert holds(money.usage_checks(usages, ledger, bills))
    assert not holds(money.usage_checks(usages, ledger, {("acme", DECEMBER): bill}))


def test_leased_usage_owes_nothing_more():
    line = {**books().bill_line[0], "lease_id": "l1"}
    ledger = replace(books(), bill_line=[line], transfer=books().transfer[:3])

    assert holds(money.usage_checks({"u1": used(lease="l1")}, ledger, invoices(total_fen=0)))


@pytest.mark.parametrize(
    ("usages", "ledger", "bills"),
    [
        ({"u1": used(unit_ms=UNIT_MS + 900_000)}, books(), invoices()),
        ({"u1": used(), "u2": used("u2")}, books(), invoices()),
        ({"u9": used("u9")}, books(), invoices()),
        ({"u1": used()}, changed("transfer", 3, amount_fen=3), invoices()),
        ({"u1": used()}, changed("bill_line", 0, unit_ms=UNIT_MS + 1), invoices()),
        ({"u1": used()}, books(), invoices(total_fen=4)),
        ({"u1": used()}, books(), invoices(remainder=1)),
        ({"u1": used()}, books(), {}),
        ({}, books(), invoices()),
    ],
)
def test_a_lie_about_usage_is_seen(usages, ledger, bills):
    assert not holds(money.usage_checks(usages, ledger, bills))


@pytest.mark.parametrize(
    ("trades", "ledger"),
    [
        (trade(hold="none"), books()),
        (trade(price=60_000), books()),
        (trade(name="tr9"), books()),
        ([], books()),
        (trade(), changed("transfer", 1, sequence=9)),
        (trade(), replace(books(), trade=[])),
    ],
)
def test_a_trade_without_its_hold_is_seen(trades, ledger):
    assert not holds(money.trade_checks(trades, ledger))


@pytest.mark.parametrize(
    "ledger",
    [
        changed("account", 0, credits_fen=1_000),
        changed("transfer", 0, sequence=7),
        changed("transfer", 4, amount_fen=2),
        replace(books(), transfer=[]),
    ],
)
def test_a_ledger_that_is_not_zero_is_seen(ledger):
    assert not holds(money.balance_checks(ledger, told(books())))


def traced(submitted, posted):
    workload = workload_pb2.Workload(workload_id="w1", traceparent=submitted)
    request = route_pb2.Request(submit=route_pb2.SubmitBatch(workloads=[workload]))
    usage = place_pb2.Usage(usage_id="u1", workload_id="w1")
    ledger = Ledger(transfer=[{"transfer_id": "t", "subject": "u1", "traceparent": posted}])
    return holds(trace.checks([Entry(0, 0, "k", request)], {"u1": usage}, ledger))


def test_a_broken_trace_is_seen():
    first, other = f"00-{'a' * 32}-{'1' * 16}-01", f"00-{'b' * 32}-{'1' * 16}-01"

    assert traced(first, f"00-{'a' * 32}-{'2' * 16}-01")
    assert not traced(first, other)
    assert not traced(first, "")
    assert not traced("", "")
