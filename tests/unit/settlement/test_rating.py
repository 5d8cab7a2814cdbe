"""Goal: usage x price = transfers = invoices, exactly. Method: random usage against fractions that
are summed up here again, in another order and without the code under test."""

import random
from collections import defaultdict
from dataclasses import replace

import pytest
from hexi_settlement.domain.account import ROUNDING, AccountKind
from hexi_settlement.domain.book import Book, Moment
from hexi_settlement.domain.closing import CloseMonths
from hexi_settlement.domain.desk import Deposit, OpenAccount
from hexi_settlement.domain.known import Known, Mark
from hexi_settlement.domain.rules import PPM, Rates, shares, shares_between
from hexi_settlement.domain.site import RecordSites, SiteEntry
from hexi_settlement.domain.transfer import TransferCode
from hexi_settlement.domain.usage import RateUsages, Usage, UsageEntry
from hexi_settlement.settings import load_rules
from hypothesis import given
from hypothesis import strategies as st

RULES = load_rules()
NOVEMBER_MS = 1_795_000_000_000  # 2026-11-18
DECEMBER_MS = NOVEMBER_MS + 20 * 86_400_000
MARK = Mark("scheduler.usage.v1", 0, 1)
BILLED = (TransferCode.USAGE, TransferCode.TAX, TransferCode.FEE)

USAGE = Usage("u", "team", "lanzhou", "A100", "", 2_500_000, 900_000, NOVEMBER_MS, "")


def a_book(deposit_fen: int = 0) -> Book:
    known = Known(operators={"lanzhou": "op-lanzhou", "jiuquan": "op-jiuquan"})
    book = Book(known, Moment(NOVEMBER_MS, RULES))
    OpenAccount("team", AccountKind.CUSTOMER, "team").decide(book)
    if deposit_fen:
        Deposit("team", deposit_fen, "first").decide(book)
    return book


def rate(book: Book, *usages: Usage) -> None:
    assert RateUsages((UsageEntry(usages, MARK),)).decide(book) is None


def billed_fen(book: Book) -> int:
    return sum(t.amount_fen for t in book.changes.transfers if t.code in BILLED)


usages = st.lists(
    st.builds(
        Usage,
        usage_id=st.just(""),
        tenant_id=st.sampled_from(["team", "other"]),
        site_id=st.sampled_from(["lanzhou", "jiuquan"]),
        class_id=st.sampled_from(["A100", "general"]),
        lease_id=st.sampled_from(["", "", "lease"]),
        price_micro_yuan=st.integers(0, 3_000_000),
        unit_ms=st.integers(1, 64 * 900_000),
        start_ms=st.sampled_from([NOVEMBER_MS, NOVEMBER_MS + 1, DECEMBER_MS]),
        traceparent=st.just(""),
    ),
    max_size=40,
).map(lambda made: [replace(usage, usage_id=f"u{n}") for n, usage in enumerate(made)])


@given(usages, st.integers(0, 2_000), st.randoms(use_true_random=False))
def test_usage_times_price_is_what_is_posted_and_billed(
    told: list[Usage], deposit_fen: int, dice: random.Random
) -> None:
    book = a_book(deposit_fen)
    repeated = [*told, *dice.sample(told, len(told) // 2)]
    dice.shuffle(repeated)

    rate(book, *repeated)
    invoices = CloseMonths("2026-12").decide(book)

    worth: defaultdict[tuple[str, str], defaultdict[tuple[object, ...], int]]
    worth = defaultdict(lambda: defaultdict(int))
    for usage in told:
        month = "2026-12" if usage.start_ms == DECEMBER_MS else "2026-11"
        line = (usage.class_id, usage.site_id, usage.lease_id, usage.price_micro_yuan)
        worth[usage.tenant_id, month][line] += usage.unit_ms
    for invoice in invoices:
        lines = worth.pop((invoice.bill.tenant_id, invoice.bill.month))
        micro = sum(ms * line[3] // 900_000 for line, ms in lines.items() if not line[2])
        assert micro == sum(line.amount_micro_yuan for line in invoice.lines)
        assert micro == invoice.bill.total_fen * 10_000 + invoice.bill.remainder_micro_yuan
        assert {line.usages for line in invoice.lines} <= set(range(1, len(told) + 1))
    assert not worth
    assert sum(invoice.bill.total_fen for invoice in invoices) == billed_fen(book)
    tax_fen = sum(t.amount_fen for t in book.changes.transfers if t.code == TransferCode.TAX)
    assert sum(invoice.bill.tax_fen for invoice in invoices) == tax_fen
    waived = sum(invoice.bill.remainder_micro_yuan for invoice in invoices)
    remainders = {a.account_id: a.remainder_micro_yuan for a in book.known.accounts.values()}
    assert remainders.pop(ROUNDING) == waived
    assert set(remainders.values()) <= {0}


@given(st.integers(0, 10**9), st.integers(0, 10**6), st.integers(0, PPM), st.integers(0, PPM))
def test_parts_of_a_growing_total_are_never_negative(
    before: int, more: int, tax_ppm: int, fee_ppm: int
) -> None:
    rates = Rates(tax_ppm, "vat", fee_ppm)

    parts = shares_between(before, before + more, rates)

    assert min(parts.provider_fen, parts.tax_fen, parts.fee_fen) >= 0
    assert parts.provider_fen + parts.tax_fen + parts.fee_fen == more


def test_tax_is_inside_the_price() -> None:
    parts = shares(10_600, Rates(60_000, "vat", 20_000))

    assert (parts.tax_fen, parts.fee_fen, parts.provider_fen) == (600, 200, 9_800)


def test_usage_beyond_the_balance_is_owed_not_lost() -> None:
    book = a_book(100)

    rate(book, USAGE)

    team, owed = book.known.accounts["team"], book.known.accounts["receivable:team"]
    assert (team.balance_fen, owed.balance_fen) == (0, -150)
    assert billed_fen(book) == 250
    assert book.known.accounts["op-lanzhou"].balance_fen == 250 - 14 - 4


def test_a_deposit_pays_back_what_was_lent() -> None:
    book = a_book()
    rate(book, USAGE)

    Deposit("team", 1_000, "later").decide(book)

    assert book.known.accounts["team"].balance_fen == 750
    assert book.known.accounts["receivable:team"].balance_fen == 0


def test_leased_usage_shows_delivery_and_costs_nothing_more() -> None:
    book = a_book(1_000)

    rate(book, replace(USAGE, lease_id="lease-1"))
    (invoice,) = CloseMonths("2026-11").decide(book)

    assert billed_fen(book) == 0
    (line,) = invoice.lines
    assert (line.key.price_micro_yuan, line.unit_ms, line.amount_micro_yuan) == (
        2_500_000,
        900_000,
        0,
    )


def test_usage_of_a_closed_month_stands_in_the_next() -> None:
    book = a_book(1_000)
    rate(book, USAGE)
    CloseMonths("2026-11").decide(book)

    rate(book, replace(USAGE, usage_id="late"))
    issued = CloseMonths("2026-12").decide(book)

    assert [(i.bill.month, i.bill.total_fen, i.closed) for i in issued] == [("2026-12", 250, True)]


def test_a_month_closes_once() -> None:
    book = a_book()
    rate(book, USAGE)

    first, again = CloseMonths("2026-11").decide(book), CloseMonths("2026-11").decide(book)

    assert (len(first), again) == (1, ())


def test_earnings_of_an_unheard_site_wait_for_its_operator() -> None:
    book = a_book(1_000)
    rate(book, replace(USAGE, site_id="new"))
    waiting = book.known.accounts["unassigned:new"]
    assert waiting.balance_fen == 250 - 14 - 4

    for _ in range(2):
        RecordSites((SiteEntry("new", "op-new", MARK),)).decide(book)

    assert waiting.balance_fen == 0
    assert book.known.accounts["op-new"].balance_fen == 250 - 14 - 4


def test_good_usages_of_a_bad_record_are_billed_and_the_record_is_not_marked() -> None:
    book = a_book(1_000)

    stopped = RateUsages((UsageEntry((USAGE,), MARK, "usage 'x': odd"),)).decide(book)

    assert stopped is not None
    assert (stopped.index, stopped.reason) == (0, "usage 'x': odd")
    assert (billed_fen(book), book.changes.marks) == (250, [])


@pytest.mark.parametrize(("day", "ppm"), [("2016-04-30", 0), ("2016-05-01", 60_000)])
def test_a_rule_counts_from_its_day(day: str, ppm: int) -> None:
    assert RULES.rates("platform-fee-usage", day).tax_ppm == ppm
