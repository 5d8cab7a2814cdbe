"""A bounded HTTP receiver: who, how much, how packed; what is inside is a dialect's to say."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from hexi_kit.errors import (
    HexiError,
    InvalidArgument,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from hexi_kit.logs import get_logger
from hexi_kit.metrics import counter

from hexi_agent.sources.inflate import NotSpokenError, PackedWrongError, TooLargeError, inflate
from hexi_agent.sources.listening import ListenOptions, guard_of

MILLI = 1_000
IDLE_S, STOP_S = 120.0, 1.0
Headers = Mapping[str, str]


class NotTaken(HexiError):
    """A request in a form we do not speak, with the HTTP status that says so."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller is told."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"
    headers: Headers = field(default_factory=dict)


class Dialect(Protocol):
    """Reads bodies, and says in its own words what was wrong with one; both without waiting."""

    def receive(self, headers: Headers, body: bytes) -> Answer: ...

    def refuse(self, headers: Headers, status: int, reason: str) -> Answer: ...


class HttpDoor:
    """Open once, close once; `port` is known when it is open."""

    def __init__(self, source: str, options: ListenOptions, routes: Mapping[str, Dialect]) -> None:
        self._source, self._options, self._routes = source, options, routes
        self._guard = guard_of(options)
        self._under_way = 0
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def open(self) -> None:
        options = self._options
        app = web.Application(client_max_size=options.body_bytes_max)
        for path, dialect in self._routes.items():
            app.router.add_post(path, partial(self._answer, dialect))
        # Unpacking is ours: the library's has no bound.
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=self._quiet_logger(),
            auto_decompress=False,
            keepalive_timeout=IDLE_S,
            shutdown_timeout=STOP_S,
        )
        await runner.setup()
        self._runner = runner
        context = options.tls.context() if options.tls is not None else None
        await web.TCPSite(runner, options.host, options.port, ssl_context=context).start()
        self.port = runner.addresses[0][1]
        get_logger().info("source.listening", source=self._source, port=self.port)

    async def close(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _quiet_logger(self) -> logging.Logger:
        """What is no HTTP is refused by the library, with a traceback each: counted is enough."""

        def is_told(record: logging.LogRecord) -> bool:
            error = record.exc_info[1] if record.exc_info else None
            if isinstance(error, HttpProcessingError):
                self._count(error.code)
                return False
            return True

        logger = logging.getLogger(f"{__name__}.{self._source}")
        logger.filters = [is_told]
        return logger

    def _count(self, status: int) -> None:
        counter("agent.pushes_refused").add(1, {"source": self._source, "status": str(status)})

    async def _answer(self, dialect: Dialect, request: web.Request) -> web.Response:
        try:
            answer = await self._receive(request, dialect)
        except (HexiError, NotSpokenError, PackedWrongError, TooLargeError) as error:
            answer = self._refusal(request, dialect, error)
            self._count(answer.status)
        return web.Response(
            status=answer.status,
            body=answer.body,
            content_type=answer.content_type,
            headers=answer.headers,
        )

    async def _receive(self, request: web.Request, dialect: Dialect) -> Answer:
        self._guard(request.headers.get("Authorization", ""))
        if self._under_way >= self._options.requests_at_once_max:
            raise Unavailable("too many requests at once")
        self._under_way += 1
        try:
            async with asyncio.timeout(self._options.body_timeout_s):
                packed = await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            raise TooLargeError(f"expected at most {self._options.body_bytes_max} bytes") from error
        except TimeoutError as error:
            raise NotTaken(408, "the body came too slowly") from error
        except (web.RequestPayloadError, ConnectionError) as error:
            raise NotTaken(400, "the body did not come whole") from error
        finally:
            self._under_way -= 1
        encoding = request.headers.get("Content-Encoding", "")
        body = inflate(packed, encoding, self._options.body_bytes_max)
        return dialect.receive(request.headers, body)

    def _refusal(self, request: web.Request, dialect: Dialect, error: Exception) -> Answer:
        status, more = _status_of(error)
        said = dialect.refuse(request.headers, status, str(error)[:400])
        return Answer(said.status, said.body, said.content_type, {**said.headers, **more})


def _status_of(error: Exception) -> tuple[int, Headers]:
    match error:
        case NotTaken(status=status):
            return status, {}
        case Unauthenticated():
            return 401, {"WWW-Authenticate": "Bearer"}
        case ResourceExhausted(retry_after_ms=after_ms):
            return 429, {"Retry-After": str(max(1, math.ceil(after_ms / MILLI)))}
        case Unavailable(retry_after_ms=after_ms):
            return 503, {"Retry-After": str(max(1, math.ceil(after_ms / MILLI)))}
        case TooLargeError():
            return 413, {}
        case NotSpokenError():
            return 415, {}
        case InvalidArgument() | PackedWrongError():
            return 400, {}
    return 500, {}
