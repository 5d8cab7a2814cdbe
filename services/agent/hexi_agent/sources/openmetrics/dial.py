"""Opens connections to exporters: the first address that answers, and TLS where it is asked for."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from urllib.parse import SplitResult

from hexi_agent.sources.openmetrics.connection import ready

# Of a name with several addresses the next is tried when one has been silent for so long.
NEXT_ADDRESS_S = 0.25
PORTS = {"http": 80, "https": 443}


async def dial(url: SplitResult, tls: ssl.SSLContext | None) -> socket.socket:
    """A socket that never blocks.

    Raises:
        OSError: nobody is there, or it is not who it should be.
    """
    host = url.hostname or ""
    transport, _ = await asyncio.get_running_loop().create_connection(
        _Idle,
        host,
        url.port or PORTS[url.scheme],
        happy_eyeballs_delay=None if _is_address(host) else NEXT_ADDRESS_S,
    )
    # The loop has run the race of the addresses; from here on it has no part in it.
    connected: socket.socket = transport.get_extra_info("socket").dup()
    transport.abort()
    connected.setblocking(False)
    return connected if tls is None else await _secured(connected, tls, host)


class _Idle(asyncio.Protocol):
    """Leaves everything to who takes the socket."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()


async def _secured(plain: socket.socket, tls: ssl.SSLContext, host: str) -> socket.socket:
    secured = tls.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
    try:
        while True:
            try:
                secured.do_handshake()
                return secured
            except ssl.SSLWantReadError:
                await ready(secured)
            except ssl.SSLWantWriteError:
                await ready(secured, to_write=True)
    except BaseException:
        secured.close()
        raise


def _is_address(host: str) -> bool:
    """Of which there is one, and no race to run."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
