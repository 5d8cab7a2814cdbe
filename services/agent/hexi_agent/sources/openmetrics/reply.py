"""An answer of an exporter as it comes in, part by part."""

from __future__ import annotations

from typing import NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from hexi_agent.sources.inflate import TooLargeError

HEAD_BYTES_MAX = 64 * 1024


class Answer(NamedTuple):
    """Headers by their names in small letters; of several of a name the last."""

    status: int
    headers: dict[str, str]
    body: bytes


class AnswerError(Exception):
    """What came is no answer, or breaks off."""


class StaleError(AnswerError):
    """The connection had ended before the question: it may be asked again on another."""


class Reply:
    """What the parser calls while an answer comes in."""

    def __init__(self, bytes_max: int) -> None:
        self.is_kept = False
        self._bytes_max, self._bytes, self._body_bytes = bytes_max, 0, 0
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._has_head = self._is_whole = False
        self._parser: HttpResponseParser | None = HttpResponseParser(self)

    def fed(self, data: memoryview) -> Answer | None:
        """The answer, if this was the last of it.

        Raises:
            AnswerError, TooLargeError
        """
        assert self._parser is not None
        self._bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            raise AnswerError(f"{type(error).__name__}: {error}"[:200]) from error
        # Chunks may take as much again as what is in them.
        most = HEAD_BYTES_MAX + (2 * self._bytes_max if self._has_head else 0)
        if self._body_bytes > self._bytes_max or self._bytes > most:
            raise TooLargeError(f"expected at most {self._bytes_max} bytes")
        return self._answer() if self._is_whole else None

    def ended(self, error: Exception | None) -> Answer:
        """The connection has ended; without a length that is how an answer ends, too.

        Raises:
            AnswerError
        """
        has_length = {"content-length", "transfer-encoding"} & self._headers.keys()
        if self._has_head and not has_length and error is None:
            return self._answer()
        if not self._bytes:
            raise StaleError(repr(error) if error is not None else "closed")
        raise AnswerError("the answer breaks off")

    def release(self) -> None:
        """The parser knows us and we know it: a page would stay until somebody collects garbage."""
        self._parser, self._parts = None, []

    def on_message_begin(self) -> None:
        if self._is_whole:
            raise ValueError("expected one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower().decode("latin-1")] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._has_head = True

    def on_body(self, part: bytes) -> None:
        self._body_bytes += len(part)
        if self._body_bytes <= self._bytes_max:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        self._is_whole = True
        self.is_kept = self._parser is not None and self._parser.should_keep_alive()

    def _answer(self) -> Answer:
        assert self._parser is not None
        return Answer(self._parser.get_status_code(), self._headers, b"".join(self._parts))
