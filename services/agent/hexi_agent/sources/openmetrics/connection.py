"""One connection to an exporter that is kept: a question, its answer, the next question."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from hexi_agent.sources.inflate import TooLargeError

HEAD_BYTES_MAX = 64 * 1024
READ_BYTES = 256 * 1024


class Answer(NamedTuple):
    """Headers by their names in small letters; of several of a name the last."""

    status: int
    headers: dict[str, str]
    body: bytes


class AnswerError(Exception):
    """What came is no answer, or breaks off."""


class StaleError(AnswerError):
    """The connection had ended before the question: it may be asked again on another."""


class Connection(asyncio.BufferedProtocol):
    """`buffer` may be shared: what was read is used before the next read, in one thread."""

    def __init__(self, buffer: memoryview, bytes_max: int) -> None:
        self._buffer, self._bytes_max = buffer, bytes_max
        self._transport: asyncio.Transport | None = None
        self._reply: _Reply | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes, turn: asyncio.Event) -> Answer:
        """The answer, which is not looked at before it is its `turn`.

        Raises:
            AnswerError, TooLargeError: the connection is closed then.
        """
        if self._transport is None or not self.is_open:
            raise StaleError("closed")
        reply = self._reply = _Reply(self._bytes_max)
        try:
            self._transport.write(request)
            self._transport.pause_reading()
            await turn.wait()
            self._transport.resume_reading()
            answer = await reply.done
        except BaseException:
            # Whatever still comes is no answer to the next question.
            self.close()
            raise
        finally:
            self._reply = None
            reply.release()
        if not reply.is_kept:
            self.close()
        return answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._reply is None or self._reply.done.done():
            # Nobody asked.
            self.close()
        else:
            self._reply.feed(self._buffer[:nbytes])

    def connection_lost(self, exc: Exception | None) -> None:
        if self._reply is not None:
            self._reply.end(exc)


class _Reply:
    """What the parser calls while an answer comes in."""

    def __init__(self, bytes_max: int) -> None:
        self.done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.is_kept = False
        self._bytes_max, self._bytes, self._body_bytes = bytes_max, 0, 0
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._has_head = self._is_whole = False
        self._parser: HttpResponseParser | None = HttpResponseParser(self)

    def feed(self, data: memoryview) -> None:
        assert self._parser is not None
        self._bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._fail(AnswerError(f"{type(error).__name__}: {error}"[:200]))
            return
        # Chunks may take as much again as what is in them.
        most = HEAD_BYTES_MAX + (2 * self._bytes_max if self._has_head else 0)
        if self._body_bytes > self._bytes_max or self._bytes > most:
            self._fail(TooLargeError(f"expected at most {self._bytes_max} bytes"))
        elif self._is_whole:
            self._finish()

    def end(self, error: Exception | None) -> None:
        """The connection has ended; without a length that is how an answer ends, too."""
        has_length = {"content-length", "transfer-encoding"} & self._headers.keys()
        if self._has_head and not has_length and error is None:
            self._finish()
        elif not self._bytes:
            self._fail(StaleError(repr(error) if error is not None else "closed"))
        else:
            self._fail(AnswerError("the answer breaks off"))

    def release(self) -> None:
        """The parser knows us and we know it: a page would stay until somebody collects garbage."""
        self._parser, self._parts = None, []

    def on_message_begin(self) -> None:
        if self._is_whole:
            raise ValueError("expected one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._has_head = True

    def on_body(self, part: bytes) -> None:
        self._body_bytes += len(part)
        if self._body_bytes <= self._bytes_max:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        self._is_whole = True
        self.is_kept = self._parser is not None and self._parser.should_keep_alive()

    def _finish(self) -> None:
        if self._parser is not None and not self.done.done():
            status = self._parser.get_status_code()
            self.done.set_result(Answer(status, self._headers, b"".join(self._parts)))

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)
