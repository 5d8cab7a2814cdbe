"""Starts servicers on loopback over real mutual TLS and hands out channels."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import grpc

from hexi_kit.clock import Clock, SystemClock
from hexi_kit.identity import Identity, Principal
from hexi_kit.identity.authorize import Authorizer
from hexi_kit.rpc.channel import open_channel
from hexi_kit.rpc.refusals import Refusal
from hexi_kit.rpc.server import Registration, RpcOptions, RpcServer
from hexi_kit.testing.pki import Pki


@dataclass
class Harness:
    """A running server; every refusal it reported is in `refusals`."""

    address: str
    inner_port: int
    pki: Pki
    refusals: list[Refusal]
    told: asyncio.Event = field(default_factory=asyncio.Event)
    _channels: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def first_refusal(self) -> Refusal:
        """A caller knows of its refusal a moment before the server's owner is told."""
        await asyncio.wait_for(self.told.wait(), 5)
        return self.refusals[0]

    async def channel(self, caller: Principal | Identity) -> grpc.aio.Channel:
        """A channel as this caller; closed with the harness."""
        identity = caller if isinstance(caller, Identity) else self.pki.identity(caller)
        return await self._channels.enter_async_context(open_channel(self.address, identity))


@asynccontextmanager
async def serve(
    registrations: Sequence[Registration],
    pki: Pki,
    *,
    service_name: str = "tested",
    clock: Clock | None = None,
    authorizer: Authorizer | None = None,
    server_identity: Identity | None = None,
) -> AsyncIterator[Harness]:
    refusals: list[Refusal] = []
    told = asyncio.Event()

    async def remember(refusal: Refusal) -> None:
        refusals.append(refusal)
        told.set()

    options = RpcOptions(
        "127.0.0.1:0",
        server_identity or pki.service(service_name),
        service_name,
        clock or SystemClock(),
        authorizer or Authorizer(),
        remember,
    )
    server = RpcServer(options, registrations)
    await server.start()
    harness = Harness(f"127.0.0.1:{server.port}", server.inner_port, pki, refusals, told)
    try:
        async with harness._channels:
            yield harness
    finally:
        await server.stop()
