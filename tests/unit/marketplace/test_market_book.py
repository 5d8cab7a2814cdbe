"""Goal: price first, then time, and nobody trades with himself. Method: small books by hand."""

import pytest
from hexi_marketplace.domain.book import IMMEDIATE, SELF_TRADE, Book, Level
from hexi_marketplace.domain.order import Order, OrderState, Side, TimeInForce, hold_fen

BUY, SELL = Side.BUY, Side.SELL


def order(name: str, side: Side, price: int, units: int, account: str = "", **rest) -> Order:
    return Order(name, "product", account or name, "tenant", side, price, units, **rest)


def book_of(*orders: Order) -> Book:
    book = Book()
    for one in orders:
        book.submit(one)
    return book


def submit(book: Book, one: Order) -> list[tuple[str, int, int]]:
    return [(f.resting.order_id, f.resting.price_micro_yuan, f.units) for f in book.submit(one)]


def test_the_best_price_goes_first_and_sets_the_price() -> None:
    book = book_of(order("dear", SELL, 120, 5), order("cheap", SELL, 100, 5))
    taker = order("taker", BUY, 130, 8)

    assert submit(book, taker) == [("cheap", 100, 5), ("dear", 120, 3)]
    assert taker.state is OrderState.FILLED
    assert book.last_price_micro_yuan == 120
    assert book.depth(SELL, 10) == [Level(120, 2, 1)]


def test_at_one_price_the_first_goes_first() -> None:
    book = book_of(order("first", BUY, 100, 5), order("second", BUY, 100, 5))

    assert submit(book, order("taker", SELL, 100, 7)) == [("first", 100, 5), ("second", 100, 2)]
    assert [one.order_id for one in book.resting()] == ["second"]


def test_what_does_not_match_rests() -> None:
    book = book_of(order("ask", SELL, 120, 5))
    bid = order("bid", BUY, 119, 3)

    assert submit(book, bid) == []
    assert bid.state is OrderState.OPEN
    assert (book.best(BUY), book.best(SELL)) == (119, 120)


def test_immediate_or_cancel_never_rests() -> None:
    book = book_of(order("ask", SELL, 100, 5))
    taker = order("taker", BUY, 100, 8, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)

    assert submit(book, taker) == [("ask", 100, 5)]
    assert (taker.state, taker.reason, taker.units_left) == (OrderState.CANCELLED, IMMEDIATE, 3)
    assert book.best(BUY) is None


def test_the_newer_order_yields_before_it_meets_its_own_account() -> None:
    book = book_of(
        order("other", SELL, 100, 2), order("mine", SELL, 100, 2, "me"), order("next", SELL, 101, 2)
    )
    taker = order("taker", BUY, 110, 6, "me")

    assert submit(book, taker) == [("other", 100, 2)]
    assert (taker.state, taker.reason, taker.units_left) == (OrderState.CANCELLED, SELF_TRADE, 4)
    assert [one.order_id for one in book.resting()] == ["mine", "next"]


def test_a_removed_order_is_passed_over() -> None:
    book = book_of(order("gone", SELL, 100, 5), order("stays", SELL, 101, 5))

    assert book.remove("gone") is not None
    assert book.remove("gone") is None
    assert submit(book, order("taker", BUY, 101, 1)) == [("stays", 101, 1)]


def test_a_level_can_be_used_again_after_it_was_empty() -> None:
    book = book_of(order("gone", SELL, 100, 5))
    book.remove("gone")
    book.submit(order("again", SELL, 100, 4))

    assert book.depth(SELL, 10) == [Level(100, 4, 1)]
    assert submit(book, order("taker", BUY, 100, 9)) == [("again", 100, 4)]


@pytest.mark.parametrize(
    ("price", "units", "fen"), [(10_000, 1, 1), (10_001, 1, 2), (1, 1, 1), (15_000, 4, 6)]
)
def test_a_hold_covers_the_order_to_the_last_fen(price: int, units: int, fen: int) -> None:
    assert hold_fen(price, units) == fen
