"""Goal: targets that are asked together never wait for each other, and each look of each counts.
Method: exporters on loopback that answer each look as it is told, beside one that always does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from hexi_agent.sources.openmetrics.options import OpenMetricsOptions
from hexi_agent.sources.openmetrics.source import make
from hexi_agent.testing.collected import Collected, collecting
from hexi_kit.clock import SystemClock

PERIOD_MS = 100
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\n"
PAGE = HEAD + b"a 1\n"
FAILED = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def saying(answer: bytes) -> Answer:
    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return say


async def leave(writer: asyncio.StreamWriter) -> None:
    writer.close()


class Told:
    """An exporter whose looks have each their own answer; the last one for all that follow."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = answers
        self.looks = 0
        self.connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                await reader.readuntil(b"\r\n\r\n")
                answer = self._answers[min(self.looks, len(self._answers) - 1)]
                self.looks += 1
                await answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def served(told: Told) -> tuple[asyncio.Server, str]:
    server = await asyncio.start_server(told, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/metrics"


def scraping(**urls: str) -> AbstractAsyncContextManager[Collected]:
    targets = [{"url": url, "server": name} for name, url in urls.items()]
    options = {"targets": targets, "period_ms": PERIOD_MS, "timeout_ms": 5_000}
    return collecting(make(OpenMetricsOptions.model_validate(options), SystemClock()))


async def test_one_that_takes_its_time_delays_nobody_and_is_heard() -> None:
    release = asyncio.Event()

    async def slowly(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"a ")
        await release.wait()
        writer.write(b"2\n")

    slow, quick = Told(saying(PAGE), slowly, saying(PAGE)), Told(saying(PAGE))
    (first, slow_url), (second, quick_url) = await served(slow), await served(quick)
    async with first, second, scraping(slow=slow_url, quick=quick_url) as collected:
        await collected.until(lambda: slow.looks == 2)
        seen = len(collected.named("a", "quick"))
        await collected.until(lambda: len(collected.named("a", "quick")) >= seen + 5)
        assert collected.named("a", "slow") == [1.0]
        release.set()
        await collected.until(lambda: len(collected.named("a", "slow")) >= 4)

    assert collected.named("a", "slow")[:4] == [1.0, 2.0, 1.0, 1.0]
    assert set(collected.named("up")) == {1.0}
    assert slow.connections == quick.connections == 1


async def test_one_that_leaves_when_it_is_asked_is_asked_again() -> None:
    told = Told(saying(PAGE), leave, saying(PAGE), saying(PAGE), leave, saying(PAGE))
    server, url = await served(told)
    async with server, scraping(told=url) as collected:
        await collected.until(lambda: len(collected.named("a")) >= 5)

    assert set(collected.named("up")) == {1.0}
    assert told.connections == 3


async def test_one_that_fails_is_told_as_down_and_comes_back() -> None:
    told = Told(saying(PAGE), saying(PAGE), saying(FAILED), saying(b"what?\r\n\r\n"), saying(PAGE))
    server, url = await served(told)
    async with server, scraping(told=url) as collected:
        await collected.until(lambda: len(collected.named("a")) >= 4)

    assert collected.named("up")[0] == 1.0
    assert collected.named("up").count(0.0) == 2
    assert collected.named("up")[-1] == 1.0
    assert [one.at_ms for one in collected.readings] == sorted(o.at_ms for o in collected.readings)
