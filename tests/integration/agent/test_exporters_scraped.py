"""Goal: exporters are scraped whatever they do to us. Method: real HTTP servers on loopback, and
Debian's node_exporter where it is installed (./task test:exporter)."""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
import socket
from collections import Counter
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from aiohttp import ClientSession, encode_basic_auth, web
from hexi_agent.sources.listening import ServerTls
from hexi_agent.sources.openmetrics.options import OpenMetricsOptions
from hexi_agent.sources.openmetrics.page import OPENMETRICS
from hexi_agent.sources.openmetrics.source import make
from hexi_agent.testing.collected import Collected, collecting
from hexi_agent.testing.small_exporter import Page, exporter, text_page
from hexi_kit.clock import SystemClock
from hexi_kit.testing.pki import Pki
from pydantic import ValidationError

FAST = {"period_ms": 100, "timeout_ms": 400}
NODE_EXPORTER = shutil.which(
    "prometheus-node-exporter", path=os.environ.get("HEXI_PROMETHEUS_BIN") or os.environ["PATH"]
)
SCRAPES = 1_000


def scraping(**options: object) -> AbstractAsyncContextManager[Collected]:
    return collecting(make(OpenMetricsOptions.model_validate({**FAST, **options}), SystemClock()))


async def test_both_formats_are_read_and_each_target_is_up() -> None:
    asked: list[str] = []

    def openmetrics(request: web.Request) -> web.Response:
        asked.append(request.headers["Accept"])
        body = 'a_total{hall="1"} 5\n# EOF\n'
        return web.Response(
            body=gzip.compress(b"# TYPE a counter\n" + body.encode()),
            headers={"Content-Type": f"{OPENMETRICS}; version=1.0.0", "Content-Encoding": "gzip"},
        )

    pages = {"/new": openmetrics, "/old": text_page("b 2 1000\nb 3\n")}
    async with exporter(pages) as url:
        targets = [{"url": f"{url}/new", "server": "n1"}, {"url": f"{url}/old", "server": "n2"}]
        async with scraping(targets=targets) as collected:
            await collected.until(lambda: len(collected.named("up")) >= 4)

    assert set(collected.named("up")) == {1.0}
    new = next(one for one in collected.readings if one.name == "a_total")
    assert (new.subject, new.labels, new.value) == ("n1", (("hall", "1"),), 5.0)
    old = [one for one in collected.readings if one.name == "b"]
    assert [one.value for one in old[:2]] == [2.0, 3.0]
    assert old[0].at_ms == 1_000
    assert OPENMETRICS in asked[0]
    assert "text/plain" in asked[0]


async def test_a_page_of_many_machines_says_whose_each_series_is() -> None:
    page = text_page('p{instance="node7:9100"} 1\np{instance="node8:9100"} 2\nq 3\n')
    async with exporter({"/federate": page}) as url:
        target = {"url": f"{url}/federate", "server": "hall"}
        async with scraping(targets=[target], server_label="instance") as collected:
            await collected.until(lambda: bool(collected.named("up")))

    subjects = [(one.subject, one.value) for one in collected.readings if one.name in "pq"]
    assert subjects[:3] == [("node7", 1.0), ("node8", 2.0), ("hall", 3.0)]


async def test_what_is_no_page_is_down_and_nobody_waits_for_it() -> None:
    release = asyncio.Event()

    async def hangs(request: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    bomb = gzip.compress(b"a 1\n" * 1_000_000)
    pages: dict[str, Page] = {
        "/good": text_page("good 1\n"),
        "/broken": text_page("good 1\nbad\n"),
        "/cut": text_page("good 12"),
        "/large": text_page("a 1\n" * 10_000),
        "/bomb": lambda _: web.Response(body=bomb, headers={"Content-Encoding": "gzip"}),
        "/br": text_page("good 1\n", **{"Content-Encoding": "br"}),
        "/away": lambda _: web.Response(status=302, headers={"Location": "/good"}),
        "/failed": lambda _: web.Response(status=500),
        "/forbidden": lambda _: web.Response(status=403),
    }
    async with exporter(pages) as url:
        hanging = web.Application()
        hanging.router.add_get("/hangs", hangs)
        runner = web.AppRunner(hanging, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        targets = [{"url": f"{url}{path}", "server": path} for path in pages]
        port = runner.addresses[0][1]
        targets.append({"url": f"http://127.0.0.1:{port}/hangs", "server": "/hangs"})
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/"
            targets.append({"url": nobody, "server": "/nobody"})
            async with scraping(targets=targets, page_bytes_max=20_000) as collected:
                others = {*pages, "/hangs", "/nobody"} - {"/good"}
                await collected.until(
                    lambda: (
                        others <= {one.subject for one in collected.readings}
                        and len(collected.named("good")) >= 5
                    )
                )
        release.set()
        await runner.cleanup()

    seen = Counter((one.subject, one.name, one.value) for one in collected.readings)
    assert {key for key in seen if key[0] != "/good"} == {(name, "up", 0.0) for name in others}
    assert {key for key in seen if key[0] == "/good"} == {
        ("/good", "good", 1.0),
        ("/good", "up", 1.0),
    }


async def test_a_login_is_sent_over_a_verified_connection(tmp_path: Path) -> None:
    pki = Pki(tmp_path)
    served, ours = pki.service("exporter"), pki.service("agent")
    context = ServerTls(
        certificate=served.cert_path,
        private_key=served.key_path,
        client_authority=served.ca_path,
    ).context()
    password = tmp_path / "password"
    password.write_text("sesame\n")
    heard: list[str] = []

    def page(request: web.Request) -> web.Response:
        heard.append(request.headers.get("Authorization", ""))
        return web.Response(text="a 1\n")

    async with exporter({"/metrics": page}, context) as url:
        options: dict[str, object] = {
            "targets": [f"{url}/metrics"],
            "authority": served.ca_path,
            "certificate": ours.cert_path,
            "private_key": ours.key_path,
            "login": {"username": "hexi", "password_file": password},
        }
        async with scraping(**options) as collected:
            await collected.until(lambda: len(collected.named("a", "localhost")) >= 3)
        async with scraping(**{**options, "authority": None}) as stranger:
            await stranger.until(lambda: bool(stranger.named("up")))

    assert set(heard) == {encode_basic_auth("hexi", "sesame")}
    assert set(stranger.named("up")) == {0.0}


@pytest.mark.parametrize(
    "options",
    [
        {"targets": []},
        {"targets": ["ftp://a/"]},
        {"targets": ["http://me:secret@a/"]},
        {"targets": ["http://a/", "http://a/"]},
        {"targets": ["http://node7/metrics"], "login": {"bearer_file": "token"}},
        {"targets": ["https://a/"], "login": {}},
        {"targets": ["https://a/"], "login": {"username": "a"}},
        {"targets": ["https://a/"], "certificate": "c"},
    ],
)
def test_options_that_would_be_unsafe_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OpenMetricsOptions.model_validate(options)


@pytest.mark.skipif(
    NODE_EXPORTER is None, reason="no prometheus-node-exporter: ./task test:exporter"
)
async def test_a_real_node_exporter_is_scraped_a_thousand_times_and_none_is_lost() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        str(NODE_EXPORTER),
        f"--web.listen-address={address}",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await answers(f"http://{address}/metrics")
        targets = [
            {"url": f"http://{address}/metrics?server={number}", "server": f"node{number}"}
            for number in range(SCRAPES)
        ]
        # As a thousand servers are: spread over ten seconds. One exporter answers few at once.
        pace = {"period_ms": 10_000, "timeout_ms": 9_000, "concurrency": 8}
        async with scraping(targets=targets, **pace) as collected:
            await collected.until(lambda: len(collected.named("up")) >= SCRAPES, 60)
    finally:
        process.terminate()
        await process.wait()

    assert set(collected.named("up")) == {1.0}
    for name in ("up", "node_load1", "node_memory_MemTotal_bytes", "node_boot_time_seconds"):
        assert len(set(collected.subjects(name))) == SCRAPES
    idle = [
        (one.subject, one.labels)
        for one in collected.readings
        if one.name == "node_cpu_seconds_total" and ("mode", "idle") in one.labels
    ]
    assert len(set(idle)) == SCRAPES * (os.cpu_count() or 1)


async def answers(url: str) -> None:
    """Until it does."""
    clock = SystemClock()
    async with ClientSession() as http, asyncio.timeout(20):
        while True:
            try:
                async with http.get(url):
                    return
            except OSError:
                await clock.sleep(0.05)
