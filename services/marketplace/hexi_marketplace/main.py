"""Hangs the doors of the marketplace."""

from __future__ import annotations

import asyncio
import sys

from hexi_contracts.topics import MARKETPLACE_ORDER
from hexi_kit.process import prepare
from hexi_kit.settings import load

from hexi_marketplace.api.door import HoldsChannel, hang_api
from hexi_marketplace.api.servicer import ServicerParts
from hexi_marketplace.domain.market import Market
from hexi_marketplace.domain.supply import Supply
from hexi_marketplace.handlers.cancel_order import CancelOrder
from hexi_marketplace.handlers.list_products import ListProducts
from hexi_marketplace.handlers.place_order import Desk, PlaceOrder
from hexi_marketplace.handlers.sweep_holds import SweepHolds
from hexi_marketplace.handlers.watch_depth import DepthFeed
from hexi_marketplace.settings import MarketplaceSettings, market_rules
from hexi_marketplace.stream.door import StreamDoor


async def run(settings: MarketplaceSettings) -> int:
    process = prepare("marketplace", settings)
    clock = process.clock
    market, supply, rules = Market(MARKETPLACE_ORDER.partitions), Supply(), market_rules()
    feed = DepthFeed()
    stream = StreamDoor(process, settings.kafka_bootstrap, market, supply, feed.changed)
    holds = HoldsChannel(process, settings.settlement_address).holds
    desk = Desk(market, supply, rules, stream.log, holds, clock)
    place_order = PlaceOrder(desk)
    stream.hang(SweepHolds(market, stream.log, holds, clock), settings.sweep_interval_s)
    parts = ServicerParts(
        market,
        place_order,
        CancelOrder(place_order, stream.log),
        ListProducts(supply, rules, clock),
        feed,
        clock,
    )
    hang_api(process, settings.listen, parts, stream.producer)
    return await process.lifecycle.run_until_signal()


def main() -> int:
    return asyncio.run(run(load(MarketplaceSettings, sys.argv[1:])))


if __name__ == "__main__":
    sys.exit(main())
