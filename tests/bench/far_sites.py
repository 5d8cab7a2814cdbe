"""Long ways on one machine: a relay in front of each site holds every datagram for a while."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

Address = tuple[str, int]


class FarSite(asyncio.DatagramProtocol):
    """Everybody who sends here reaches the site later; its answers take as long back."""

    def __init__(self, site: Address, held_s: float, stack: AsyncExitStack) -> None:
        self._site, self._held_s, self._stack = site, held_s, stack
        self.really_held_s: list[float] = []
        self._ways: dict[Address, asyncio.DatagramTransport] = {}
        self._opening: dict[Address, asyncio.Task[None]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Address) -> None:
        way = self._ways.get(addr)
        if way is not None:
            self._hold(way, data, None)
        elif addr not in self._opening:
            # The first datagram of a new sender is lost, as on many a real way.
            self._opening[addr] = asyncio.create_task(self._open(addr))

    def back(self, data: bytes, addr: Address) -> None:
        self._hold(self._transport, data, addr)

    def _hold(self, way: asyncio.DatagramTransport, data: bytes, addr: Address | None) -> None:
        loop = asyncio.get_running_loop()
        came_s = loop.time()

        def let_go() -> None:
            self.really_held_s.append(loop.time() - came_s)
            if not way.is_closing():
                way.sendto(data, addr)

        loop.call_later(self._held_s, let_go)

    async def _open(self, addr: Address) -> None:
        way, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Way(self, addr), remote_addr=self._site
        )
        self._stack.callback(way.close)
        self._ways[addr] = way


class _Way(asyncio.DatagramProtocol):
    """One sender's socket towards the site."""

    def __init__(self, far: FarSite, sender: Address) -> None:
        self._far, self._sender = far, sender

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._far.back(data, self._sender)


async def put_far(site: Address, held_s: float, stack: AsyncExitStack) -> tuple[str, FarSite]:
    """The address by which others reach the site from now on, and who stands there."""
    transport, far = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: FarSite(site, held_s, stack), local_addr=("127.0.0.1", 0)
    )
    stack.callback(transport.close)
    host, port = transport.get_extra_info("sockname")
    return f"{host}:{port}", far
