"""Usage x price = transfers = invoices to the fen; every trade had its hold; the ledger is zero."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from hexi.marketplace.v1 import marketplace_pb2
from hexi.scheduler.v1 import place_pb2
from hexi.settlement.v1 import settlement_pb2

from hexi_demo.audit.check import Check, check
from hexi_demo.audit.ledger import Ledger
from hexi_demo.audit.log import Entry
from hexi_demo.month import month_of

SLOT_MS = 900_000
FEN = 10_000
BILLING = (
    settlement_pb2.TRANSFER_CODE_USAGE,
    settlement_pb2.TRANSFER_CODE_TAX,
    settlement_pb2.TRANSFER_CODE_FEE,
)
LineOf = tuple[str, str, str, str, str, int]
BillOf = tuple[str, str]  # tenant, month


def lines(usages: Iterable[place_pb2.Usage]) -> Counter[LineOf]:
    """Unit-milliseconds of each (tenant, month, class, site, lease, price), by billing events."""
    found: Counter[LineOf] = Counter()
    for u in usages:
        if u.unit_ms:
            bill = (u.tenant_id, month_of(u.start_ms))
            key = (*bill, u.class_id, u.site_id, u.lease_id, u.price_micro_yuan)
            found[key] += u.unit_ms
    return found


def due_micro_yuan(of: Counter[LineOf]) -> Counter[BillOf]:
    """What each tenant owes for a month: whole micro-yuan of each line; leased ones were paid by a
    trade."""
    due: Counter[BillOf] = Counter()
    for (tenant, month, _, _, lease, price), unit_ms in of.items():
        if not lease:
            due[tenant, month] += unit_ms * price // SLOT_MS
    return due


def usage_checks(
    usages: Mapping[str, place_pb2.Usage],
    ledger: Ledger,
    invoices: Mapping[BillOf, settlement_pb2.InvoiceIssued],
) -> list[Check]:
    """Compare three independent sums: the log's, the ledger's, the invoices'."""
    expected = lines(usages.values())
    due = due_micro_yuan(expected)
    wrong = list(_lines_differ(expected, ledger))
    rated = {str(r["usage_id"]): (str(r["tenant_id"]), str(r["month"])) for r in ledger.usage}
    billable = {u.usage_id for u in usages.values() if u.unit_ms}
    wrong += [f"{name}: billed, not in the log" for name in rated.keys() - usages.keys()]
    wrong += [f"{name}: in the log, not billed" for name in billable - rated.keys()]
    paid: Counter[BillOf] = Counter()
    for row in ledger.transfer:
        if row["code"] in BILLING and row["subject"] in rated:
            paid[rated[str(row["subject"])]] += int(row["amount_fen"])
    for bill, micro in sorted(due.items()):
        whose = " ".join(bill)
        if paid[bill] != micro // FEN:
            wrong.append(f"{whose}: owes {micro} micro-yuan, {paid[bill]} fen were transferred")
        invoice = invoices.get(bill)
        if invoice is None or invoice.total_fen != micro // FEN:
            total = invoice.total_fen if invoice else "no"
            wrong.append(f"{whose}: owes {micro} micro-yuan, the invoice says {total} fen")
        elif invoice.remainder_micro_yuan != micro % FEN:
            wrong.append(f"{whose}: the invoice carries {invoice.remainder_micro_yuan}")
    total = sum(due.values())
    counted = (
        f"{len(billable)} usages on {len(expected)} lines, {total} micro-yuan = "
        f"{sum(paid.values())} fen + {total - FEN * sum(paid.values())} micro-yuan carried"
    )
    name = "usage x price = transfers = invoices, to the fen"
    return [check(name, counted, wrong, seen=len(billable))]


def _lines_differ(expected: Counter[LineOf], ledger: Ledger) -> Iterator[str]:
    booked: Counter[LineOf] = Counter()
    for row in ledger.bill_line:
        tenant, month, class_id = (str(row[k]) for k in ("tenant_id", "month", "class_id"))
        place = (str(row["site_id"]), str(row["lease_id"]), int(row["price_micro_yuan"]))
        key = (tenant, month, class_id, *place)
        booked[key] += int(row["unit_ms"])
    for key in sorted(expected.keys() | booked.keys()):
        if expected[key] != booked[key]:
            yield f"{key}: {expected[key]} unit-ms in the log, {booked[key]} billed"


def trade_checks(trades: list[Entry], ledger: Ledger) -> list[Check]:
    """Each trade in the log stood on a hold that was there before and is large enough."""
    holds = {str(row["hold_id"]): row for row in ledger.hold}
    booked = {str(row["trade_id"]): row for row in ledger.trade}
    held_at: dict[str, int] = {}
    paid_at: defaultdict[str, list[int]] = defaultdict(list)
    for row in ledger.transfer:
        if row["code"] == settlement_pb2.TRANSFER_CODE_HOLD:
            held_at[str(row["subject"])] = int(row["sequence"])
        elif row["subject"] in booked:
            paid_at[str(row["subject"])].append(int(row["sequence"]))
    agreed = {
        entry.value.agreed.trade_id: entry.value.agreed
        for entry in trades
        if isinstance(entry.value, marketplace_pb2.TradeRecord) and entry.value.HasField("agreed")
    }
    wrong = [f"{name}: settled, not in the log" for name in booked.keys() - agreed.keys()]
    spent: Counter[str] = Counter()
    for name, trade in sorted(agreed.items()):
        spent[trade.buyer_hold_id] += trade.price_micro_yuan * trade.units
        hold = holds.get(trade.buyer_hold_id)
        if hold is None:
            wrong.append(f"{name}: no hold {trade.buyer_hold_id}")
        elif name not in booked:
            wrong.append(f"{name}: agreed and never settled")
        elif min(paid_at[name], default=2**62) < held_at.get(trade.buyer_hold_id, 2**62):
            wrong.append(f"{name}: paid before it was held")
    for hold_id, micro in sorted(spent.items()):
        if hold_id in holds and micro > FEN * int(holds[hold_id]["amount_fen"]):
            wrong.append(
                f"{hold_id}: {micro} micro-yuan traded on {holds[hold_id]['amount_fen']} fen"
            )
    counted = f"{len(agreed)} trades on {len(spent)} holds"
    return [check("every trade had a hold", counted, wrong, seen=len(agreed))]


def balance_checks(ledger: Ledger, published: list[Entry]) -> list[Check]:
    """Debits = credits, accounts = their transfers, the log = the database, nothing twice."""
    debits: Counter[str] = Counter()
    credits_: Counter[str] = Counter()
    for row in ledger.transfer:
        debits[str(row["debit_account"])] += int(row["amount_fen"])
        credits_[str(row["credit_account"])] += int(row["amount_fen"])
    wrong = []
    for row in ledger.account:
        name = str(row["account_id"])
        if (row["debits_fen"], row["credits_fen"]) != (debits[name], credits_[name]):
            wrong.append(f"{name}: differs from the sum of its transfers")
    total = sum(int(r["debits_fen"]) for r in ledger.account)
    if total != sum(int(r["credits_fen"]) for r in ledger.account):
        wrong.append("debits and credits differ")
    sequences = [int(row["sequence"]) for row in ledger.transfer]
    if sequences != list(range(1, len(sequences) + 1)):
        wrong.append("the sequence of transfers has holes")
    told = {
        e.value.transfer_id for e in published if isinstance(e.value, settlement_pb2.TransferPosted)
    }
    posted = {str(row["transfer_id"]) for row in ledger.transfer}
    wrong += [f"{name}: posted, not published" for name in sorted(posted - told)[:3]]
    wrong += [f"{name}: published, not posted" for name in sorted(told - posted)[:3]]
    counted = f"{len(sequences)} transfers, debits {total} fen = credits, {len(told)} published"
    return [check("trial balance is zero, log = database", counted, wrong, seen=len(sequences))]
