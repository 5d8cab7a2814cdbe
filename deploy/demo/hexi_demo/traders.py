"""Scripted traders: every site sells idle vCPU of the next slots, two desks buy."""

from __future__ import annotations

import random
from collections import Counter

import grpc
from hexi.marketplace.v1 import marketplace_pb2
from hexi.marketplace.v1 import marketplace_service_pb2 as pb

from hexi_demo.doors import Doors
from hexi_demo.identities import TRADERS
from hexi_demo.pace import Pace
from hexi_demo.province import PRICES, SITES
from hexi_demo.requests import TENANTS

BEAT_S = 1.0
CLASS_ID = "general"
TICK_MICRO_YUAN = 100


class Traders:
    """`placed` and `refused` count orders by side and status; nothing is retried blindly."""

    def __init__(self, doors: Doors, rng: random.Random) -> None:
        self._doors = doors
        self._rng = rng
        self._number = 0
        self.placed = 0
        self.refused: Counter[str] = Counter()

    async def run(self, pace: Pace) -> None:
        async for _ in pace.beats(BEAT_S):
            facts = self._rng.choice(SITES)
            for product in await self._open_products(facts.site_id):
                middle = PRICES[CLASS_ID] * facts.price_percent // 100
                seller = f"operator-{facts.site_id}"
                await self._order(seller, product, marketplace_pb2.SIDE_SELL, middle)
                for trader in TRADERS:
                    await self._order(trader, product, marketplace_pb2.SIDE_BUY, middle)

    async def _open_products(self, site_id: str) -> list[str]:
        stub = await self._doors.marketplace(TRADERS[0])
        try:
            answer = await stub.ListProducts(
                pb.ListProductsRequest(site_id=site_id, class_id=CLASS_ID, page_size=2)
            )
        except grpc.aio.AioRpcError as error:
            self.refused[error.code().name] += 1
            return []
        return [product.product_id for product in answer.products]

    async def _order(
        self, account: str, product_id: str, side: marketplace_pb2.Side.ValueType, middle: int
    ) -> None:
        self._number += 1
        spread = self._rng.randint(-8, 8) * middle // 100
        price = (middle + spread) // TICK_MICRO_YUAN * TICK_MICRO_YUAN
        stub = await self._doors.marketplace(account)
        try:
            await stub.PlaceOrder(
                pb.PlaceOrderRequest(
                    idempotency_key=f"demo-order-{self._number}",
                    account=account,
                    tenant_id=self._rng.choice(TENANTS),
                    product_id=product_id,
                    side=side,
                    price_micro_yuan=price,
                    units=self._rng.randint(4, 64),
                    time_in_force=marketplace_pb2.TIME_IN_FORCE_GOOD_TILL_CANCELLED,
                )
            )
            self.placed += 1
        except grpc.aio.AioRpcError as error:
            self.refused[error.code().name] += 1
