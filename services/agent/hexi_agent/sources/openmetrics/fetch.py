"""Asks an exporter for its page: who we are, how long, how much."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import ssl
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

from hexi_kit.errors import InvalidArgument, Unauthenticated, Unavailable, Violation

from hexi_agent.sources.inflate import inflate
from hexi_agent.sources.openmetrics.connection import (
    READ_BYTES,
    Answer,
    AnswerError,
    Connection,
    StaleError,
)
from hexi_agent.sources.openmetrics.options import OpenMetricsOptions
from hexi_agent.sources.openmetrics.page import OPENMETRICS, TEXT
from hexi_agent.sources.secret import SecretFile

# The older format is asked for first: unknown pages of it are read many times as fast. Packing them
# would cost both sides more than the wire of a data hall does.
ACCEPT = f"{TEXT};version=0.0.4,{OPENMETRICS};version=1.0.0;q=0.8,*/*;q=0.1"
# Of the time for a whole look: who does not answer is told as down before the look is broken off.
PAGE_SHARE = 0.9
# Of a name with several addresses the next is tried when one has been silent for so long.
NEXT_ADDRESS_S = 0.25
# Of a period, for which answers wait in the kernel for each other: to wake up for one of them costs
# more than to read it.
TOGETHER_SHARE = 0.01
OK = 200
UNKNOWN_CALLER = (401, 403)
PORTS = {"http": 80, "https": 443}
# What may stand in a request as it stands in an address; anything else is escaped.
KEPT = "/%:=&?~+!$,;'@()*[]"


class Fetched(NamedTuple):
    """A page, unpacked."""

    body: bytes
    content_type: str


class Exporters:
    """One per source, as a context; a connection per target is kept, redirects are not followed."""

    def __init__(self, options: OpenMetricsOptions) -> None:
        self._options = options
        self._login = _Login(options)
        self._tls = _context(options)
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._open: dict[str, Connection] = {}
        self._heads: dict[str, bytes] = {}
        self._together_s = TOGETHER_SHARE * min(options.period_ms, options.timeout_ms) / 1_000
        self._next = asyncio.Event()
        self._next.set()

    def __enter__(self) -> Exporters:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._open.values():
            connection.close()

    async def page(self, url: str) -> Fetched:
        """
        Raises:
            Unauthenticated: it does not want us.
            Unavailable: it can not be reached, or gives no page.
            InvalidArgument: our secret can not be read.
        """
        options, login = self._options, self._login.header()
        try:
            head = self._heads.get(url)
            if head is None:
                head = self._heads[url] = _head(urlsplit(url))
            request = head + login + b"\r\n"
            async with asyncio.timeout(PAGE_SHARE * options.timeout_ms / 1_000):
                answer = await self._ask(url, request)
            if answer.status in UNKNOWN_CALLER:
                raise Unauthenticated(f"status {answer.status}")
            if answer.status != OK:
                raise Unavailable(f"status {answer.status}")
            packed = answer.headers.get("content-encoding", "")
            body = inflate(answer.body, packed, options.page_bytes_max)
            return Fetched(body, answer.headers.get("content-type", ""))
        except (AnswerError, TimeoutError, OSError, ValueError) as error:
            raise Unavailable(f"{error!r}"[:200]) from error

    async def _ask(self, url: str, request: bytes) -> Answer:
        kept = self._open.get(url)
        if kept is not None and kept.is_open:
            try:
                return await kept.ask(request, self._turn())
            except StaleError:
                # The exporter has ended it while nobody asked.
                pass
        connection = self._open[url] = await self._connect(urlsplit(url))
        return await connection.ask(request, self._turn())

    def _turn(self) -> asyncio.Event:
        """Set soon, for all who ask meanwhile."""
        if self._next.is_set():
            self._next = asyncio.Event()
            asyncio.get_running_loop().call_later(self._together_s, self._next.set)
        return self._next

    async def _connect(self, url: SplitResult) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(self._buffer, self._options.page_bytes_max),
            url.hostname or "",
            url.port or PORTS[url.scheme],
            ssl=self._tls if url.scheme == "https" else None,
            happy_eyeballs_delay=None if _is_address(url.hostname or "") else NEXT_ADDRESS_S,
        )
        return connection


def _is_address(host: str) -> bool:
    """Of which there is one, and no race to run."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _context(options: OpenMetricsOptions) -> ssl.SSLContext | None:
    """One for all: it holds the authorities of the whole machine."""
    if not any(target.url.startswith("https:") for target in options.targets):
        return None
    context = ssl.create_default_context(cafile=options.authority)
    if options.certificate is not None:
        context.load_cert_chain(options.certificate, options.private_key)
    return context


def _head(url: SplitResult) -> bytes:
    """The question without who asks, and without its end."""
    path = quote(url.path or "/", safe=KEPT)
    lines = [
        f"GET {path}{'?' * bool(url.query)}{quote(url.query, safe=KEPT)} HTTP/1.1",
        f"Host: {url.netloc if url.netloc.isascii() else url.netloc.encode('idna').decode()}",
        f"Accept: {ACCEPT}",
        "Accept-Encoding: identity",
        "User-Agent: hexi-agent",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


class _Login:
    """Read from its file for each page: a new secret needs no restart."""

    def __init__(self, options: OpenMetricsOptions) -> None:
        login = options.login
        self._username = login.username if login is not None else ""
        path = (login.bearer_file or login.password_file) if login is not None else None
        self._secret = SecretFile(path) if path is not None else None

    def header(self) -> bytes:
        """With its line's end; nothing where nobody asks who we are."""
        if self._secret is None:
            return b""
        secret = self._secret.read()
        if self._username:
            words = base64.b64encode(f"{self._username}:{secret}".encode())
            return b"Authorization: Basic " + words + b"\r\n"
        if not (secret.isascii() and secret.isprintable()):
            raise InvalidArgument([Violation("bearer_file", "expected a word in plain letters")])
        return f"Authorization: Bearer {secret}\r\n".encode()
