"""What an agent takes of a machine while it measures 1,000 servers every ten seconds: processor and
memory of its process, by where the readings come from.

fleet: simulated servers. page: one page of an exporter with 8 readings of each server. targets: a
node_exporter on each server, all of its page. collect: the same, asked for the collectors that a
rule reads. MODES, SERVERS and DURATION_S change what is measured.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import yaml
from aiohttp import web
from hexi_agent.hosts import Host, write_hosts
from hexi_agent.launch import ENVIRONMENT
from hexi_agent.spool import highest_sequences
from hexi_demo import setup
from hexi_demo.province import SITES
from hexi_kit.clock import SystemClock

from tests.bench.exporter_pages import COLLECT, many_servers_page, server_page
from tests.bench.figures import show
from tests.bench.province import Province, running

SERVERS = int(os.environ.get("SERVERS", "1000"))
DURATION_S = int(os.environ.get("DURATION_S", "120"))
MODES = os.environ.get("MODES", "fleet page collect targets").split()
SETTLE_S, PERIOD_MS = 35.0, 10_000
SITE = SITES[0]
CLOCK = SystemClock()
# As the one file starts itself.
LEAN = {**ENVIRONMENT, "PYTHONOPTIMIZE": "2", "PYTHONNODEBUGRANGES": "1"}
METRICS = (
    "power_w",
    "inlet_temperature_c",
    "cpu_utilisation",
    "memory_utilisation",
    "cpu_temperature_c",
    "fan_speed_rpm",
    "network_rx_bytes_per_s",
    "network_tx_bytes_per_s",
)


class Exporters:
    """Pages that change from one question to the next."""

    def __init__(self) -> None:
        self.asked = 0

    async def page(self, _: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(body=many_servers_page(SERVERS, METRICS, self.asked))

    async def target(self, request: web.Request) -> web.Response:
        number, collect = int(request.match_info["number"]), request.query.getall("collect[]", [])
        return web.Response(body=server_page(number, CLOCK.real_monotonic_s(), collect))


@asynccontextmanager
async def exporters() -> AsyncIterator[str]:
    """Where they listen."""
    told, app = Exporters(), web.Application()
    app.router.add_get("/page", told.page)
    app.router.add_get(r"/targets/{number:\d+}", told.target)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=2_048)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def config(mode: str, home: Path, url: str) -> dict[str, object]:
    """One site's file, and the table beside it."""
    site: dict[str, object] = {
        "site_id": SITE.site_id,
        "identity": f"agent-{SITE.site_id}",
        "state_dir": str(home),
        "period_ms": PERIOD_MS,
    }
    if mode == "fleet":
        return site | {"fleet": {"servers": SERVERS, "seed": 1}, "executors": ["fleet"]}
    hosts = [Host(f"n{n}", f"r{n // 20}", "m", 64_000, 1_024, "", 0, 800) for n in range(SERVERS)]
    write_hosts(home / "hosts.csv", hosts)
    mapping = {"rules": [{"read": f"site_{metric}", "metric": metric} for metric in METRICS]}
    (home / "mine.yaml").write_text(yaml.safe_dump(mapping))
    source: dict[str, object] = {"kind": "openmetrics", "period_ms": PERIOD_MS}
    if mode == "page":
        source |= {"server_label": "server", "targets": [f"{url}/page"]}
    else:
        source["targets"] = [
            {"url": f"{url}/targets/{n}", "server": f"n{n}"} for n in range(SERVERS)
        ]
    if mode == "collect":
        source["collect"] = COLLECT
    mappings = {"files": [str(home / "mine.yaml")]}
    return site | {"hosts": str(home / "hosts.csv"), "sources": [source], "mappings": mappings}


async def measure(province: Province, mode: str, folder: Path, url: str) -> None:
    home, name = folder / mode, f"agent-{mode}"
    home.mkdir()
    path = home / "agent.yaml"
    path.write_text(yaml.safe_dump(config(mode, home, url)))
    await province.hexi.start_further(name, "hexi_agent.main", ["--config", str(path)], LEAN)
    await CLOCK.sleep(SETTLE_S)
    process = psutil.Process(province.hexi.pids[name])
    before_s, began_s = sum(process.cpu_times()[:2]), CLOCK.real_monotonic_s()
    peak = 0
    while CLOCK.real_monotonic_s() - began_s < DURATION_S:
        await CLOCK.sleep(1.0)
        peak = max(peak, process.memory_info().rss)
    elapsed_s = CLOCK.real_monotonic_s() - began_s
    busy_s = sum(process.cpu_times()[:2]) - before_s
    frames = max(highest_sequences(home).values(), default=0)
    show(f"agent.{mode}.cpu", 100 * busy_s / elapsed_s, "% of a core", goal="<= 2", frames=frames)
    show(f"agent.{mode}.memory", peak / 2**20, "MiB", goal="<= 100", servers=SERVERS)
    await province.hexi.stop_one(name)


async def run() -> None:
    async with running(["inventory", "telemetry"]) as province, exporters() as url:
        # The first site is a quarter of the province.
        await setup.admit_sites(province.doors, SERVERS * 4, SITES)
        with TemporaryDirectory() as folder:
            for mode in MODES:
                await measure(province, mode, Path(folder), url)


def main() -> None:
    asyncio.run(run())
