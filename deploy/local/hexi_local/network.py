"""Loopback ports: finding a free one, and hearing whether someone listens on it."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Awaitable, Callable

from hexi_kit.clock import Clock

LOOPBACK = "127.0.0.1"
PROBE_EVERY_S = 0.05
# Below the range the kernel takes for outgoing connections: while a service is down, nobody's
# outgoing connection may sit on its port, nor a client retrying it connect to itself.
PORT_FIRST = 20_000
PORT_LAST = 32_000


class NoFreePort(Exception):
    """Every port of our range is taken."""


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on; all are held until all are found, so none comes twice."""
    span = PORT_LAST - PORT_FIRST
    start = secrets.randbelow(span)
    held: list[socket.socket] = []
    try:
        for step in range(span):
            if len(held) == count:
                return [int(one.getsockname()[1]) for one in held]
            one = socket.socket()
            try:
                one.bind((LOOPBACK, PORT_FIRST + (start + step) % span))
            except OSError:
                one.close()
                continue
            held.append(one)
        raise NoFreePort(f"expected {count} free ports in {PORT_FIRST}-{PORT_LAST}")
    finally:
        for one in held:
            one.close()


async def listens(port: int) -> bool:
    """Whether a connection to the port is taken."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True


async def until(probe: Callable[[], Awaitable[bool]], clock: Clock) -> None:
    """Ask again and again until the answer is yes; the caller sets the deadline."""
    while not await probe():
        await clock.sleep(PROBE_EVERY_S)
