"""Asks an exporter for its page: who we are, how long, how much."""

from __future__ import annotations

import ssl
from typing import NamedTuple

import aiohttp
from hexi_kit.errors import Unauthenticated, Unavailable

from hexi_agent.sources.inflate import TooLargeError, inflate
from hexi_agent.sources.openmetrics.options import OpenMetricsOptions
from hexi_agent.sources.openmetrics.page import OPENMETRICS, TEXT
from hexi_agent.sources.secret import SecretFile

# The older format is asked for first: known pages of it are read many times as fast. Packing them
# would cost both sides more than the wire of a data hall does.
HEADERS = {
    "Accept": f"{TEXT};version=0.0.4,{OPENMETRICS};version=1.0.0;q=0.8,*/*;q=0.1",
    "Accept-Encoding": "identity",
}
# Of the time for a whole look: who does not answer is told as down before the look is broken off.
PAGE_SHARE = 0.9
OK = 200
UNKNOWN_CALLER = (401, 403)


class Fetched(NamedTuple):
    """A page, unpacked."""

    body: bytes
    content_type: str


class Exporters:
    """One per source, as an async context; redirects are not followed."""

    def __init__(self, options: OpenMetricsOptions) -> None:
        self._options = options
        self._login = _Login(options)
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Exporters:
        options = self._options
        context = ssl.create_default_context(cafile=options.authority)
        if options.certificate is not None:
            context.load_cert_chain(options.certificate, options.private_key)
        # Unpacking is ours: the library's has no bound.
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=context),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=HEADERS,
            timeout=aiohttp.ClientTimeout(total=PAGE_SHARE * options.timeout_ms / 1_000),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http is not None:
            await self._http.close()

    async def page(self, url: str) -> Fetched:
        """
        Raises:
            Unauthenticated: it does not want us.
            Unavailable: it can not be reached, or gives no page.
            InvalidArgument: our secret can not be read.
        """
        if self._http is None:
            raise Unavailable("not open")
        login = self._login.header()
        try:
            async with self._http.get(url, headers=login, allow_redirects=False) as response:
                if response.status in UNKNOWN_CALLER:
                    raise Unauthenticated(f"status {response.status}")
                if response.status != OK:
                    raise Unavailable(f"status {response.status}")
                packed = await self._read(response)
                body = inflate(
                    packed,
                    response.headers.get("Content-Encoding", ""),
                    self._options.page_bytes_max,
                )
                return Fetched(body, response.headers.get("Content-Type", ""))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unavailable(f"{error!r}"[:200]) from error

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        most, parts, size = self._options.page_bytes_max, list[bytes](), 0
        async for part in response.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > most:
                raise TooLargeError(f"expected at most {most} bytes")
        return b"".join(parts)


class _Login:
    """Read from its file for each page: a new secret needs no restart."""

    def __init__(self, options: OpenMetricsOptions) -> None:
        login = options.login
        self._username = login.username if login is not None else ""
        path = (login.bearer_file or login.password_file) if login is not None else None
        self._secret = SecretFile(path) if path is not None else None

    def header(self) -> dict[str, str]:
        if self._secret is None:
            return {}
        secret = self._secret.read()
        if self._username:
            return {"Authorization": aiohttp.encode_basic_auth(self._username, secret)}
        return {"Authorization": f"Bearer {secret}"}
