"""Goal: a trade is paid from its hold and from nothing else. Method: the book and its commands."""

import pytest
from hexi_kit.errors import AlreadyExists, FailedPrecondition, NotFound
from hexi_settlement.domain.account import ROUNDING, AccountKind
from hexi_settlement.domain.book import Book, LedgerBroken, Moment
from hexi_settlement.domain.desk import Deposit, OpenAccount, PlaceHold, ReleaseHold
from hexi_settlement.domain.hold import HoldState
from hexi_settlement.domain.known import Known, Mark
from hexi_settlement.domain.trade import OrderEnd, SettleTrades, Trade, TradeEntry
from hexi_settlement.domain.transfer import Cause, TransferCode
from hexi_settlement.settings import load_rules

MARK = Mark("marketplace.trade.v1", 0, 1)


@pytest.fixture
def book() -> Book:
    book = Book(Known(), Moment(1_795_000_000_000, load_rules()))
    OpenAccount("buyer", AccountKind.CUSTOMER, "buyer").decide(book)
    Deposit("buyer", 10_000, "k").decide(book)
    return book


def settle(book: Book, *items: Trade | OrderEnd) -> str:
    stopped = SettleTrades(tuple(TradeEntry(item, MARK) for item in items)).decide(book)
    return stopped.reason if stopped else ""


def a_trade(hold_id: str, units: int, price: int = 1_000_000, name: str = "t1") -> Trade:
    return Trade(name, hold_id, "buyer", "seller", price, units, "")


def balance(book: Book, account_id: str) -> int:
    return book.known.accounts[account_id].balance_fen


def test_a_hold_moves_money_aside_once(book: Book) -> None:
    first = PlaceHold("buyer", 6_000, "order", "key").decide(book)
    again = PlaceHold("buyer", 6_000, "order", "key").decide(book)

    assert first == again
    assert (balance(book, "buyer"), balance(book, "hold:buyer")) == (4_000, 6_000)


def test_another_hold_under_the_same_key_is_refused(book: Book) -> None:
    PlaceHold("buyer", 6_000, "order", "key").decide(book)

    with pytest.raises(AlreadyExists):
        PlaceHold("buyer", 6_001, "order", "key").decide(book)


def test_a_hold_above_the_balance_is_refused_and_moves_nothing(book: Book) -> None:
    with pytest.raises(FailedPrecondition, match="expected 10001 fen, balance was 10000"):
        PlaceHold("buyer", 10_001, "order", "key").decide(book)

    assert balance(book, "buyer") == 10_000


def test_a_hold_needs_a_customer(book: Book) -> None:
    with pytest.raises(NotFound):
        PlaceHold("nobody", 1, "order", "key").decide(book)
    with pytest.raises(FailedPrecondition, match="customer's account, was CASH"):
        PlaceHold("platform:cash", 1, "order", "key").decide(book)


def test_a_trade_pays_the_seller_tax_and_fee_from_the_hold(book: Book) -> None:
    hold = PlaceHold("buyer", 6_000, "order", "key").decide(book)

    assert settle(book, a_trade(hold.hold_id, 53)) == ""

    assert balance(book, "hold:buyer") == 6_000 - 5_300
    assert balance(book, "platform:tax") == 300
    assert balance(book, "platform:fee") == 50
    assert balance(book, "seller") == 4_950


def test_the_end_of_an_order_gives_the_rest_back(book: Book) -> None:
    hold = PlaceHold("buyer", 6_000, "order", "key").decide(book)

    settle(book, a_trade(hold.hold_id, 53), OrderEnd(hold.hold_id), OrderEnd(hold.hold_id))

    assert (balance(book, "buyer"), balance(book, "hold:buyer")) == (4_700, 0)
    assert book.known.holds[hold.hold_id].state == HoldState.RELEASED


def test_a_trade_counts_once(book: Book) -> None:
    hold = PlaceHold("buyer", 6_000, "order", "key").decide(book)

    settle(book, a_trade(hold.hold_id, 10), a_trade(hold.hold_id, 10))

    assert balance(book, "hold:buyer") == 5_000


def test_fractions_of_fen_add_up_over_partial_fills(book: Book) -> None:
    hold = PlaceHold("buyer", 6_000, "order", "key").decide(book)

    fills = [a_trade(hold.hold_id, 1, 3_333, f"t{n}") for n in range(10)]
    settle(book, *fills, OrderEnd(hold.hold_id))

    assert balance(book, "buyer") == 10_000 - 3
    assert book.known.accounts[ROUNDING].remainder_micro_yuan == 3_330


@pytest.mark.parametrize(
    ("trade", "reason"),
    [
        (a_trade("none", 1), "expected a hold of buyer"),
        (a_trade("HOLD", 61), "is PLACED with 6000 fen left, 6100 were asked"),
        (Trade("t", "HOLD", "other", "seller", 1, 1, ""), "expected a hold of other"),
        (Trade("t", "HOLD", "buyer", "platform:cash", 10_000, 1, ""), "is a CASH account"),
    ],
)
def test_a_trade_without_a_right_moves_nothing(book: Book, trade: Trade, reason: str) -> None:
    hold = PlaceHold("buyer", 6_000, "order", "key").decide(book)
    hold_id = trade.hold_id.replace("HOLD", hold.hold_id)
    asked = Trade(
        trade.trade_id,
        hold_id,
        trade.buyer_account,
        trade.seller_account,
        trade.price_micro_yuan,
        trade.units,
        "",
    )
    before = len(book.changes.transfers)

    assert reason in settle(book, asked)
    assert len(book.changes.transfers) == before
    assert book.changes.marks == []


def test_nothing_is_captured_after_the_release(book: Book) -> None:
    hold = PlaceHold("buyer", 6_000, "order", "key").decide(book)
    ReleaseHold(hold.hold_id).decide(book)

    assert "is RELEASED" in settle(book, a_trade(hold.hold_id, 1))
    assert balance(book, "buyer") == 10_000


def test_a_deposit_counts_once(book: Book) -> None:
    Deposit("buyer", 10_000, "k").decide(book)

    assert balance(book, "buyer") == 10_000
    with pytest.raises(AlreadyExists):
        Deposit("buyer", 9_999, "k").decide(book)


def test_an_account_keeps_its_kind_and_owner(book: Book) -> None:
    with pytest.raises(AlreadyExists):
        OpenAccount("buyer", AccountKind.PROVIDER, "buyer").decide(book)


def test_the_ledger_refuses_what_would_break_it(book: Book) -> None:
    buyer, cash = book.known.accounts["buyer"], book.known.accounts["platform:cash"]
    with pytest.raises(LedgerBroken, match="expected 10001 fen, was 10000"):
        book.post(buyer, cash, 10_001, TransferCode.USAGE, Cause("x"))
    with pytest.raises(LedgerBroken):
        book.post(buyer, cash, 0, TransferCode.USAGE, Cause("x"))
    book.post(buyer, cash, 1, TransferCode.USAGE, Cause("x"))
    with pytest.raises(LedgerBroken, match="expected once"):
        book.post(buyer, cash, 1, TransferCode.USAGE, Cause("x"))
