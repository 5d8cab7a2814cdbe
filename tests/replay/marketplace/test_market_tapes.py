"""Goal: our book trades as other people's books do. Method: scenarios and a tape made elsewhere;
where the folder of shared data is absent the tests are skipped."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hexi_marketplace.domain.book import Book
from hexi_marketplace.domain.order import Order, OrderState, Side, TimeInForce

MATCHING = Path(__file__).resolve().parents[4] / "shared" / "data" / "matching"
SCENARIOS = MATCHING / "liquibook_scenarios.json"
TAPE_ORDERS = MATCHING / "synthetic20k_orders.csv"
TAPE_TRADES = MATCHING / "synthetic20k_expected_trades.csv"
UNDERSTOOD = {"add", "cancel", "check_level", "check_count", "check_fills"}
SIDES = {"buy": Side.BUY, "bid": Side.BUY, "sell": Side.SELL, "ask": Side.SELL}
GTC, IOC = TimeInForce.GOOD_TILL_CANCELLED, TimeInForce.IMMEDIATE_OR_CANCEL
STATES = {"complete": OrderState.FILLED, "cancelled": OrderState.CANCELLED}
PRICE_MAX = 10**9


def scenarios() -> list[dict[str, Any]]:
    """Those of plain limit and immediate orders, which is what this market has."""
    if not SCENARIOS.exists():
        return []
    return [
        one
        for one in json.loads(SCENARIOS.read_text())
        if one["verified_by_plain_book"]
        and {step["op"] for step in one["steps"]} <= UNDERSTOOD
        and not any(step.get("all_or_none") or step.get("stop") for step in one["steps"])
    ]


class Played:
    """A book with the fills and cost of each order after each step."""

    def __init__(self) -> None:
        self.book = Book()
        self.orders: dict[str, Order] = {}
        self.fills: dict[str, tuple[int, int]] = {}
        self.before: list[dict[str, tuple[int, int]]] = []

    def play(self, step: dict[str, Any]) -> None:
        self.before.append(dict(self.fills))
        getattr(self, step["op"])(step)

    def add(self, step: dict[str, Any]) -> None:
        name, time = step["id"], IOC if step["ioc"] else GTC
        order = Order(name, "p", name, "t", SIDES[step["side"]], step["price"], step["qty"], time)
        self.orders[name] = order
        fills = self.book.submit(order)
        for fill in fills:
            for one in (name, fill.resting.order_id):
                units, cost = self.fills.get(one, (0, 0))
                price = fill.resting.price_micro_yuan
                self.fills[one] = (units + fill.units, cost + fill.units * price)
        assert bool(fills) == step["expect_match"]
        if step["expect_complete"]:
            assert order.state is OrderState.FILLED

    def cancel(self, step: dict[str, Any]) -> None:
        order = self.book.remove(step["id"])
        if order is not None:
            order.state = OrderState.CANCELLED
        if step["expect_state"] in STATES:
            assert self.orders[step["id"]].state is STATES[step["expect_state"]]

    def check_count(self, step: dict[str, Any]) -> None:
        resting = [o for o in self.book.resting() if o.side is SIDES[step["side"]]]
        assert len(resting) == step["orders"]

    def check_level(self, step: dict[str, Any]) -> None:
        depth = self.book.depth(SIDES[step["side"]], step["level"] + 1)
        found = tuple(depth[step["level"]]) if step["level"] < len(depth) else (0, 0, 0)
        assert found == (step["price"], step["qty"], step["orders"])

    def check_fills(self, step: dict[str, Any]) -> None:
        then = self.before[step["since"]]
        for fill in step["fills"]:
            now, was = (w.get(fill["id"], (0, 0)) for w in (self.fills, then))
            assert (now[0] - was[0], now[1] - was[1]) == (fill["qty"], fill["cost"])


@pytest.mark.skipif(not SCENARIOS.exists(), reason=f"no shared data: {SCENARIOS.name}")
def test_there_are_scenarios() -> None:
    assert len(scenarios()) >= 28


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda one: one["name"])
def test_a_scenario_of_another_book(scenario: dict[str, Any]) -> None:
    played = Played()
    for step in scenario["steps"]:
        played.play(step)


@pytest.mark.skipif(not TAPE_ORDERS.exists(), reason=f"no shared data: {TAPE_ORDERS.name}")
def test_the_tape_of_twenty_thousand_orders() -> None:
    book, tape = Book(), []
    with TAPE_ORDERS.open() as file:
        for row in csv.DictReader(file):
            if row["op"] == "C":
                book.remove(row["order_id"])
                continue
            side = Side(int(row["side_0buy_1sell"]))
            market = row["op"] == "M"
            price = int(row["price"]) if not market else PRICE_MAX if side is Side.BUY else 1
            name = row["order_id"]
            order = Order(
                name, "p", name, "t", side, price, int(row["qty"]), IOC if market else GTC
            )
            tape += [
                [name, fill.resting.order_id, str(fill.resting.price_micro_yuan), str(fill.units)]
                for fill in book.submit(order)
            ]
    with TAPE_TRADES.open() as file:
        expected = list(csv.reader(file))[1:]

    assert tape == expected
