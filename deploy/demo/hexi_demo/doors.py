"""Stubs to every service, each as the person who would use it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack

import grpc.aio
from hexi.inventory.v1 import inventory_service_pb2_grpc as inventory
from hexi.marketplace.v1 import marketplace_service_pb2_grpc as marketplace
from hexi.scheduler.v1 import scheduler_service_pb2_grpc as scheduler
from hexi.settlement.v1 import settlement_service_pb2_grpc as settlement
from hexi.telemetry.v1 import measure_service_pb2_grpc as measure
from hexi_kit.rpc.channel import open_channel

from hexi_demo.identities import Cast


class Doors:
    """Opens a channel per person and service when first asked; closes all at the end."""

    def __init__(self, addresses: Mapping[str, str], cast: Cast, stack: AsyncExitStack) -> None:
        self._addresses = addresses
        self.cast = cast
        self._stack = stack
        self._channels: dict[tuple[str, str], grpc.aio.Channel] = {}

    async def _channel(self, service: str, name: str) -> grpc.aio.Channel:
        key = (service, name)
        if key not in self._channels:
            channel = open_channel(self._addresses[service], self.cast.of(name))
            self._channels[key] = await self._stack.enter_async_context(channel)
        return self._channels[key]

    async def inventory(self, name: str) -> inventory.InventoryServiceAsyncStub:
        return inventory.InventoryServiceStub(await self._channel("inventory", name))

    async def scheduler(self, name: str) -> scheduler.SchedulerServiceAsyncStub:
        return scheduler.SchedulerServiceStub(await self._channel("scheduler", name))

    async def marketplace(self, name: str) -> marketplace.MarketplaceServiceAsyncStub:
        return marketplace.MarketplaceServiceStub(await self._channel("marketplace", name))

    async def settlement(self, name: str) -> settlement.SettlementServiceAsyncStub:
        return settlement.SettlementServiceStub(await self._channel("settlement", name))

    async def measures(self, name: str) -> measure.MeasureServiceAsyncStub:
        return measure.MeasureServiceStub(await self._channel("telemetry", name))
