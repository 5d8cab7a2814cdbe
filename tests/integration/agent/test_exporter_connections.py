"""Goal: a kept connection never takes one answer for another, and none ends a site's scraping.
Method: servers on loopback that say byte by byte what an exporter should not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from hexi_agent.sources.openmetrics.fetch import Exporters
from hexi_agent.sources.openmetrics.options import ExporterTarget, OpenMetricsOptions
from hexi_agent.sources.openmetrics.reply import HEAD_BYTES_MAX
from hexi_kit.errors import Unavailable

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\na 1\n"
BYTES_MAX = 4_096
END = b""  # of the connection


class Server:
    """Answers each question of a connection with the next of its answers, END among them."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self._answers = answers
        self.questions: list[bytes] = []
        self.connections = 0
        self.was_asked = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if (task := asyncio.current_task()) is not None:
            self.tasks.append(task)
        try:
            for answer in self._answers:
                if answer == END:
                    break
                self.questions.append(await reader.readuntil(b"\r\n\r\n"))
                self.was_asked.set()
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()


@asynccontextmanager
async def asking(answers: Sequence[bytes]) -> AsyncIterator[tuple[Server, Exporters, str]]:
    told = Server(answers)
    server = await asyncio.start_server(told, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/metrics"
    options = {"targets": [url], "timeout_ms": 5_000, "page_bytes_max": BYTES_MAX}
    async with server:
        with Exporters(OpenMetricsOptions.model_validate(options)) as exporters:
            yield told, exporters, url
        await asyncio.gather(*told.tasks)


async def test_one_connection_serves_all_looks() -> None:
    async with asking([PLAIN] * 5) as (server, exporters, url):
        pages = [(await exporters.page(url)).body for _ in range(5)]

    assert (pages, server.connections) == ([b"a 1\n"] * 5, 1)


async def test_a_connection_that_ended_between_two_looks_is_made_anew() -> None:
    async with asking([PLAIN, END]) as (server, exporters, url):
        pages = [(await exporters.page(url)).body for _ in range(4)]

    assert (pages, server.connections) == ([b"a 1\n"] * 4, 4)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\na 1\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\na 1\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na \r\n2\r\n1\n\r\n0\r\n\r\n",
    ],
)
async def test_an_answer_ends_as_http_lets_it(answer: bytes) -> None:
    async with asking([answer]) as (_, exporters, url):
        pages = [(await exporters.page(url)).body for _ in range(3)]

    assert pages == [b"a 1\n"] * 3


@pytest.mark.parametrize(
    "answer",
    [
        b"what?\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na 1\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na 1\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\na 1\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\na 1\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN,
        b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
        PLAIN + PLAIN,
        PLAIN + b"more",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * HEAD_BYTES_MAX,
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"a 1\n" * BYTES_MAX,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 10 * BYTES_MAX,
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\na 1\n",
    ],
)
async def test_what_is_no_answer_is_refused_and_the_next_look_is_another(answer: bytes) -> None:
    async with asking([answer, END]) as (server, exporters, url):
        for number in range(1, 3):
            with pytest.raises(Unavailable):
                await exporters.page(url)
            assert server.connections >= number


async def test_nobody_waits_for_the_answer_to_an_older_question() -> None:
    late = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
    async with asking([late, END]) as (server, exporters, url):
        look = asyncio.create_task(exporters.page(url))
        await server.was_asked.wait()
        look.cancel()
        await asyncio.gather(look, return_exceptions=True)

        with pytest.raises(Unavailable):
            await exporters.page(url)

    assert server.connections == 2


async def test_the_question_is_as_the_address_says() -> None:
    async with asking([PLAIN] * 2) as (server, exporters, url):
        target = ExporterTarget(url=f"{url}?x=a b&y=ü#part", server="")
        await exporters.page(target.asking_for(["cpu", "netdev"]))
        await exporters.page(ExporterTarget(url=url, server="").asking_for(["cpu"]))

    lines = [question.split(b"\r\n") for question in server.questions]
    assert lines[0][0] == b"GET /metrics?x=a%20b&y=%C3%BC&collect[]=cpu&collect[]=netdev HTTP/1.1"
    assert lines[1][0] == b"GET /metrics?collect[]=cpu HTTP/1.1"
    assert lines[0][1] == b"Host: " + url.split("/")[2].encode()
