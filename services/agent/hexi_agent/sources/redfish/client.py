"""The requests we make of one controller, each with an end, a bound and few kinds of answer."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple

import aiohttp
from hexi_kit.clock import Clock
from hexi_kit.errors import HexiError, NotFound, Unauthenticated, Unavailable
from yarl import URL

from hexi_agent.sources.findings import Finding
from hexi_agent.sources.redfish.document import BODY_BYTES_MAX, Document, read_document, text
from hexi_agent.sources.redfish.options import RedfishOptions, RedfishTarget, read_credentials

SESSIONS = "/redfish/v1/SessionService/Sessions"
# Asked too much or at a bad time: the whole controller is left alone for a while.
LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
LOGOUT_S = 1.0
# The header has whole seconds: a smaller difference means nothing.
SKEW_MS_MIN = 2_000


class Answer(NamedTuple):
    """`document` is empty where there was nothing to read; `location` names what was made."""

    document: Document
    location: str = ""


class Controller:
    """What goes wrong is NotFound, Unauthenticated or else Unavailable.

    `skew_ms` added to the controller's time makes it ours.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        target: RedfishTarget,
        options: RedfishOptions,
        clock: Clock,
    ) -> None:
        self._http, self._target, self._options, self._clock = http, target, options, clock
        self._credentials = target.credentials or options.credentials
        self._token = self._session = ""
        self.name, self.skew_ms = target.url, 0

    async def get(self, path: str) -> Document | Finding:
        """The finding where it answers, but not with what one may read."""
        found = await self._again_if_expired("GET", path, None)
        return found if isinstance(found, Finding) else found.document

    async def post(self, path: str, document: Document) -> Answer:
        found = await self._again_if_expired("POST", path, document)
        return Answer({}) if isinstance(found, Finding) else found

    async def delete(self, path: str) -> None:
        await self._again_if_expired("DELETE", path, None)

    async def close(self) -> None:
        """Controllers have few sessions: ours is given back, if that is quickly done."""
        session, self._session = self._session, ""
        if not session:
            return
        try:
            await self._ask("DELETE", session, None, LOGOUT_S)
        except HexiError:
            return

    async def _again_if_expired(
        self, method: str, path: str, document: Document | None
    ) -> Answer | Finding:
        is_first = not self._token
        try:
            return await self._once(method, path, document)
        except Unauthenticated:
            self._token = ""
            if is_first or self._credentials is None or self._options.login != "session":
                raise
        return await self._once(method, path, document)

    async def _once(self, method: str, path: str, document: Document | None) -> Answer | Finding:
        if self._credentials is not None and self._options.login == "session" and not self._token:
            await self._login()
        return await self._ask(method, path, document)

    async def _login(self) -> None:
        told = read_credentials(self._credentials) if self._credentials else None
        if told is None:
            return
        body = {"UserName": told.username, "Password": told.password}
        found = await self._ask("POST", SESSIONS, body)
        if isinstance(found, Finding) or not self._token:
            raise Unauthenticated(f"{self._target.url}: expected a token for a session")
        self._session = found.location

    async def _ask(
        self, method: str, path: str, document: Document | None, timeout_s: float = 0.0
    ) -> Answer | Finding:
        limit = aiohttp.ClientTimeout(total=timeout_s or self._options.request_timeout_ms / 1_000)
        url = URL(self._target.url.rstrip("/") + path, encoded=True)
        more: dict[str, Any] = {"timeout": limit, "json": document, "allow_redirects": False}
        if self._target.fingerprint:
            more["ssl"] = aiohttp.Fingerprint(bytes.fromhex(self._target.fingerprint))
        try:
            async with self._http.request(method, url, headers=self._headers(path), **more) as got:
                self._check(got, path)
                body = await got.content.read(BODY_BYTES_MAX + 1)
                while len(body) <= BODY_BYTES_MAX and not got.content.at_eof():
                    body += await got.content.read(BODY_BYTES_MAX + 1 - len(body))
                return self._read(got, path, body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unavailable(f"{method} {path}: {error!r}"[:200]) from error

    def _headers(self, path: str) -> dict[str, str]:
        headers = {"Accept": "application/json", "OData-Version": "4.0"}
        if self._credentials is not None and path != SESSIONS:
            if self._options.login == "basic":
                told = read_credentials(self._credentials)
                headers["Authorization"] = aiohttp.encode_basic_auth(told.username, told.password)
            else:
                headers["X-Auth-Token"] = self._token
        return headers

    def _check(self, got: aiohttp.ClientResponse, path: str) -> None:
        said = f"{self._target.url}{path}: {got.status}"
        is_locked = got.status == HTTPStatus.FORBIDDEN and path == SESSIONS
        if got.status == HTTPStatus.UNAUTHORIZED or is_locked:
            raise Unauthenticated(said)
        if got.status in LATER or got.status < HTTPStatus.OK:
            raise Unavailable(said)
        if HTTPStatus.MULTIPLE_CHOICES <= got.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            # Moved counts as gone: nobody sends us and our token elsewhere.
            raise NotFound("redfish resource", said)

    def _read(self, got: aiohttp.ClientResponse, path: str, body: bytes) -> Answer | Finding:
        self._learn_skew(got.headers.get("Date", ""))
        if path == SESSIONS:
            self._token = got.headers.get("X-Auth-Token", "")[:2_000]
        location = URL(text(got.headers.get("Location", ""))).path if got.headers else ""
        if got.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Finding("server-error", path, f"answered {got.status}")
        if not body.strip():
            return Answer({}, location)
        document = read_document(body, path)
        return document if isinstance(document, Finding) else Answer(document, location)

    def _learn_skew(self, date: str) -> None:
        try:
            told_ms = int(parsedate_to_datetime(date).timestamp() * 1_000)
        except (ValueError, TypeError, OverflowError):
            return
        skew_ms = self._clock.now_ms() - told_ms
        self.skew_ms = skew_ms if abs(skew_ms) >= SKEW_MS_MIN else 0
