"""The whole market in memory: its shards, and which shard a product belongs to."""

from __future__ import annotations

import zlib

from hexi_marketplace.domain.command import Trade
from hexi_marketplace.domain.order import Order
from hexi_marketplace.domain.product import Product, parse_product
from hexi_marketplace.domain.shard import Listing, Shard


class Market:
    """Every shard of this process, each fed by one partition."""

    def __init__(self, shards: int) -> None:
        self.shards = tuple(Shard(number) for number in range(shards))

    def shard_of(self, product: Product) -> Shard:
        """The shard whose partition carries this product: the rule of all keyed topics."""
        return self.shards[zlib.crc32(product.shard.encode()) % len(self.shards)]

    def listing(self, product_id: str) -> Listing | None:
        product = parse_product(product_id)
        return self.shard_of(product).listings.get(product_id) if product else None

    def find(self, order_id: str) -> Order | None:
        for shard in self.shards:
            order = shard.find(order_id)
            if order is not None:
                return order
        return None

    def listings(self) -> list[Listing]:
        """All that is remembered, by product id."""
        found = [listing for shard in self.shards for listing in shard.listings.values()]
        return sorted(found, key=lambda listing: listing.product.product_id)

    def trades(self, product_id: str) -> list[Trade]:
        """Trades of a product, or of all, oldest first within each product."""
        if product_id:
            listing = self.listing(product_id)
            return listing.trades if listing else []
        return [trade for listing in self.listings() for trade in listing.trades]
