"""Starts servicers on loopback over real mutual TLS and hands out channels."""

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
    pki: Pki
    refusals: list[Refusal]
    _channels: AsyncExitStack = field(default_factory=AsyncExitStack)

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
) -> AsyncIterator[Harness]:
    refusals: list[Refusal] = []

    async def remember(refusal: Refusal) -> None:
        refusals.append(refusal)

    options = RpcOptions(
        "127.0.0.1:0",
        pki.service(service_name),
        service_name,
        clock or SystemClock(),
        authorizer or Authorizer(),
        remember,
    )
    server = RpcServer(options, registrations)
    await server.start()
    harness = Harness(f"127.0.0.1:{server.port}", pki, refusals)
    try:
        async with harness._channels:
            yield harness
    finally:
        await server.stop()
