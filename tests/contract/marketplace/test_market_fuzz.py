"""Goal: no message, however odd, breaks the door or changes the market when refused.

Method: a thousand arbitrary messages for each method, over real mutual TLS.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from hexi.marketplace.v1 import marketplace_service_pb2 as pb
from hexi.marketplace.v1 import marketplace_service_pb2_grpc as stubs
from hexi_kit.identity import Principal
from hexi_kit.testing.clock import ManualClock
from hexi_kit.testing.fuzz import Attack, assault
from hexi_kit.testing.pki import Pki
from hexi_kit.testing.rpc import Harness, serve
from hexi_marketplace.api.servicer import MarketplaceServicer, ServicerParts
from hexi_marketplace.domain.command import Command
from hexi_marketplace.domain.market import Market
from hexi_marketplace.domain.product import SLOT_MS, parse_product, product_of
from hexi_marketplace.domain.supply import Servers, SiteFacts, Supply
from hexi_marketplace.handlers.cancel_order import CancelOrder
from hexi_marketplace.handlers.list_products import ListProducts
from hexi_marketplace.handlers.place_order import Desk, PlaceOrder
from hexi_marketplace.handlers.watch_depth import DepthFeed
from hexi_marketplace.ports import Hold
from hexi_marketplace.settings import market_rules
from hexi_marketplace.wire.commands import read_command, write_command

NOW_MS = 1_795_228_200_000
PRODUCT_ID = product_of("general", "B", "jinchang", NOW_MS + 4 * SLOT_MS).product_id
TRADER = Principal("trader", "main", "seller")
HINTS = {
    "product_id": [PRODUCT_ID],
    "product_ids": [PRODUCT_ID],
    "account": ["seller"],
    "tenant_id": ["tenant-1"],
    "site_id": ["jinchang"],
    "class_id": ["general"],
    "side": [1, 2],
    "time_in_force": [1, 2],
    "price_micro_yuan": [100, 15_000, 15_100],
    "units": [1, 7],
    "page_size": [0, 10],
    "page_token": ["", "5"],
    "order_id": ["o1"],
}


@dataclass
class Ears:
    """Log and settlement in one; a command crosses the wire both ways, as on the real log."""

    market: Market
    heard: list[Command] = field(default_factory=list)

    async def record(self, command: Command, shard: str) -> None:
        again = read_command(write_command(command, NOW_MS))
        self.heard.append(again)
        target = self.market.shard_of(parse_product(PRODUCT_ID))
        target.apply(again, NOW_MS, target.next_offset)

    async def place(self, order_id: str, account: str, amount_fen: int) -> Hold:
        return Hold(f"hold-{order_id}", amount_fen, True)

    async def release(self, order_id: str, hold_id: str) -> None: ...


@pytest.fixture
async def served(tmp_path) -> AsyncIterator[tuple[Harness, Ears]]:
    clock, market, supply = ManualClock(NOW_MS), Market(4), Supply()
    supply.record_site(SiteFacts("jinchang", 1, True, "seller", 1_210))
    supply.record_servers(Servers("jinchang", 1, ("r",), (0,), (64_000,), (), (0,), (0,)))
    ears = Ears(market)
    place = PlaceOrder(Desk(market, supply, market_rules(), ears, ears, clock))
    parts = ServicerParts(
        market,
        place,
        CancelOrder(place, ears),
        ListProducts(supply, market_rules(), clock),
        DepthFeed(),
        clock,
    )
    add = stubs.add_MarketplaceServiceServicer_to_server
    async with serve([(add, MarketplaceServicer(parts))], Pki(tmp_path), clock=clock) as harness:
        yield harness, ears


async def test_no_message_breaks_the_door(served) -> None:
    harness, ears = served
    service = pb.DESCRIPTOR.services_by_name["MarketplaceService"]
    whole = frozenset({"StreamDepth"})

    answers = await assault(await harness.channel(TRADER), service, Attack(hints=HINTS, skip=whole))

    assert {sum(counts.values()) for counts in answers.values()} == {1_000}
    assert answers["PlaceOrder"]["INVALID_ARGUMENT"] > 0
    taken = answers["PlaceOrder"].get("OK", 0)
    assert taken > 0, answers
    # Each order that was taken is one that was asked for; refusals reached nothing.
    orders = [o for one in ears.market.listings() for o in one.orders.values()]
    assert 0 < len(orders) <= taken


async def test_no_message_breaks_the_stream(served) -> None:
    harness, _ = served
    service = pb.DESCRIPTOR.services_by_name["MarketplaceService"]
    others = frozenset(m.name for m in service.methods) - {"StreamDepth"}
    attack = Attack(hints=HINTS, skip=others, at_once=100)

    answers = await assault(await harness.channel(TRADER), service, attack)

    assert sum(answers["StreamDepth"].values()) == 1_000
