"""One process of the manifest: how it is started, and when it counts as ready."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hexi_kit.clock import Clock
from hexi_kit.identity import Identity
from hexi_kit.rpc.channel import open_channel

from hexi_local.child import Child, Command
from hexi_local.network import until

START_TIMEOUT_S = 120.0
HEALTH_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """A process with its ports and environment settled for this run.

    Without an address it serves nobody and is ready as soon as it runs.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    address: str
    environment: Mapping[str, str]
    log: Path


class Service:
    """A supervised gRPC process. Ready means: it says SERVING, over the same mutual TLS as all."""

    def __init__(self, plan: ServicePlan, caller: Identity, clock: Clock) -> None:
        self._plan = plan
        self._caller = caller
        self._clock = clock
        self.name = plan.name
        self.child: Child | None = None
        self.on_spawn: Callable[[], None] = lambda: None

    async def start(self) -> None:
        plan = self._plan
        argv = [sys.executable, "-m", plan.module, *plan.arguments]
        self.child = await Child.start(Command(plan.name, argv, plan.log, plan.environment))
        self.on_spawn()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await until(self._serving, self._clock)
        except TimeoutError:
            failure = self.child.failure(f"was not ready in {START_TIMEOUT_S:.0f} s")
            await self.child.stop()
            raise failure from None

    async def stop(self) -> None:
        if self.child is not None:
            await self.child.stop()

    async def _serving(self) -> bool:
        assert self.child is not None
        if not self.child.running:
            raise self.child.failure("ended before it was ready")
        if not self._plan.address:
            return True
        # A new channel each time: an old one would back off while the process is starting.
        channel = open_channel(self._plan.address, self._caller)
        try:
            answer = await health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=HEALTH_TIMEOUT_S
            )
        except grpc.aio.AioRpcError:
            return False
        finally:
            await channel.close(None)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
