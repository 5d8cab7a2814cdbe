"""A small data centre as a real one speaks: a page of power, temperatures and meters, over HTTP."""

from __future__ import annotations

import asyncio
import csv
import math
from contextlib import AsyncExitStack
from pathlib import Path

from hexi_kit.clock import Clock

from hexi_demo.province import CONNECTED, SERVERS_PER_RACK, servers_of

LOOPBACK = "127.0.0.1"
REQUEST_BYTES_MAX = 8_192
IDLE_W, SWING_W, SWING_MS = 220.0, 60.0, 3_600_000
HOST = {"model": "connected", "cpu_milli": 64_000, "memory_mib": 262_144, "power_limit_w": 600}


class Exporter:
    """`page` says what is true now; `url` is known once it serves."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._nodes = [f"node{n + 1}" for n in range(servers_of(CONNECTED, 0))]
        self.url = ""

    async def serve(self, stack: AsyncExitStack) -> None:
        server = await asyncio.start_server(self._answer, LOOPBACK, 0, limit=REQUEST_BYTES_MAX)
        await stack.enter_async_context(server)
        self.url = f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}/metrics"

    def write_hosts(self, path: Path) -> None:
        """The table of what stands there, as an operator would keep it."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["name", "rack", *HOST])
            writer.writeheader()
            for place, node in enumerate(self._nodes):
                rack = f"{CONNECTED.site_id}-r{place // SERVERS_PER_RACK + 1:03}"
                writer.writerow({"name": node, "rack": rack, **HOST})

    def page(self) -> str:
        phase = 2 * math.pi * (self._clock.now_ms() % SWING_MS) / SWING_MS
        lines, it_w = [], 0.0
        for place, node in enumerate(self._nodes):
            watts = round(IDLE_W + SWING_W * math.sin(phase + place), 1)
            it_w += watts
            lines.append(f'server_power_w{{node="{node}"}} {watts}')
            lines.append(f'inlet_temperature_c{{node="{node}"}} {20 + watts / 100:.2f}')
        lines.append(f"it_power_w {it_w:.1f}")
        lines.append(f"facility_power_w {it_w * CONNECTED.pue_milli / 1_000:.1f}")
        return "\n".join(lines) + "\n"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            body = self.page().encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close"
            kind = "Content-Type: text/plain; version=0.0.4"
            writer.write(f"{head}\r\n{kind}\r\n\r\n".encode() + body)
            await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # whoever went away asks again
        finally:
            writer.close()
