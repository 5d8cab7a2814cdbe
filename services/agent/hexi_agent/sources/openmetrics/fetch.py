"""Asks an exporter for its page: who we are, how long, how much."""

from __future__ import annotations

import asyncio
import base64
import ssl
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

from hexi_kit.errors import InvalidArgument, Unauthenticated, Unavailable, Violation

from hexi_agent.sources.inflate import inflate
from hexi_agent.sources.openmetrics.connection import Connection
from hexi_agent.sources.openmetrics.dial import dial
from hexi_agent.sources.openmetrics.options import OpenMetricsOptions
from hexi_agent.sources.openmetrics.page import OPENMETRICS, TEXT
from hexi_agent.sources.openmetrics.reply import Answer, AnswerError, StaleError
from hexi_agent.sources.secret import SecretFile

# The older format is asked for first: unknown pages of it are read many times as fast. Packing them
# would cost both sides more than the wire of a data hall does.
ACCEPT = f"{TEXT};version=0.0.4,{OPENMETRICS};version=1.0.0;q=0.8,*/*;q=0.1"
# Of the time for a whole look: who does not answer is told as down before the look is broken off.
PAGE_SHARE = 0.9
READ_BYTES = 256 * 1024
OK = 200
UNKNOWN_CALLER = (401, 403)
NO_PAGE = (AnswerError, TimeoutError, OSError, ValueError)
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
        try:
            async with self._in_time():
                if self.ask(url):
                    try:
                        return self._page(await self._open[url].taken())
                    except StaleError:
                        # The exporter has ended it while nobody asked.
                        pass
                parts = urlsplit(url)
                connected = await dial(parts, self._tls if parts.scheme == "https" else None)
                connection = Connection(connected, self._buffer, self._options.page_bytes_max)
                self._open[url] = connection
                connection.ask(self._request(url))
                return self._page(await connection.taken())
        except NO_PAGE as error:
            raise _unavailable(error) from error

    def ask(self, url: str) -> bool:
        """Whether it was asked, on the connection that is kept.

        Raises:
            InvalidArgument: our secret can not be read.
        """
        kept = self._open.get(url)
        if kept is None:
            return False
        request = self._request(url)
        try:
            kept.ask(request)
        except StaleError:
            del self._open[url]
            return False
        return True

    def taken(self, url: str) -> Fetched | None:
        """What it answered; None if that has not come whole. Raises as `page` does, and:

        Raises:
            StaleError: it never heard the question.
        """
        try:
            answer = self._open[url].take()
            return None if answer is None else self._page(answer)
        except StaleError:
            raise
        except NO_PAGE as error:
            raise _unavailable(error) from error

    async def rest(self, url: str) -> Fetched:
        """What it answers to the question that it was asked; raises as `taken` does."""
        try:
            async with self._in_time():
                return self._page(await self._open[url].taken())
        except StaleError:
            raise
        except NO_PAGE as error:
            raise _unavailable(error) from error

    def _in_time(self) -> asyncio.Timeout:
        return asyncio.timeout(PAGE_SHARE * self._options.timeout_ms / 1_000)

    def _request(self, url: str) -> bytes:
        head = self._heads.get(url)
        if head is None:
            head = self._heads[url] = _head(urlsplit(url))
        return head + self._login.header() + b"\r\n"

    def _page(self, answer: Answer) -> Fetched:
        if answer.status in UNKNOWN_CALLER:
            raise Unauthenticated(f"status {answer.status}")
        if answer.status != OK:
            raise Unavailable(f"status {answer.status}")
        packed = answer.headers.get("content-encoding", "")
        body = inflate(answer.body, packed, self._options.page_bytes_max)
        return Fetched(body, answer.headers.get("content-type", ""))


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable(f"{error!r}"[:200])


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
