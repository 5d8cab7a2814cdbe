"""One target: its question, its answer, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hexi_kit.errors import HexiError, Unavailable

from hexi_agent.sources.openmetrics.fetch import Exporters, Fetched
from hexi_agent.sources.openmetrics.looks import Known, Looks
from hexi_agent.sources.openmetrics.options import ExporterTarget
from hexi_agent.sources.openmetrics.page import PageError, PageSample
from hexi_agent.sources.openmetrics.reply import StaleError

UP, FAILED, MALFORMED = "up", "failed", "malformed"


class Told(NamedTuple):
    """What is done with what a page said at a moment, and with how a scrape ended; and a clock."""

    offer: Callable[[ExporterTarget, int, Known | list[PageSample]], None]
    end: Callable[[ExporterTarget, int, str], None]
    now_ms: Callable[[], int]


class Scrape:
    """Asked alone by `ask`, or with others by `begin`; then what came is taken by `finish`, and
    what `finish` did not get by `ask`."""

    __slots__ = ("_asked_ms", "_exporters", "_looks", "_problem", "_told", "_url",
                 "is_asked", "target")  # fmt: skip

    def __init__(
        self,
        target: ExporterTarget,
        url: str,
        looks: Looks,
        exporters: Exporters,
        told: Told,
    ) -> None:
        self.target, self._url = target, url
        self._looks, self._exporters, self._told = looks, exporters, told
        self._asked_ms, self.is_asked = 0, False
        self._problem: HexiError | None = None

    def begin(self) -> bool:
        """Whether it was asked: where a connection is kept."""
        self._asked_ms = self._told.now_ms()
        try:
            self.is_asked = self._exporters.ask(self._url)
        except HexiError as error:
            self._problem = self._failed(error)
        return self.is_asked

    def finish(self) -> bool:
        """Whether the answer has come and was taken; else `ask` has to."""
        if not self.is_asked:
            return False
        try:
            page = self._exporters.taken(self._url)
            if page is None:
                return False
            self.is_asked = False
            self._take(page)
        except StaleError:
            self.is_asked = False
        except HexiError as error:
            self.is_asked, self._problem = False, self._failed(error)
        else:
            return True
        return False

    async def ask(self) -> None:
        """
        Raises:
            HexiError: it gives no page that can be believed.
        """
        problem, self._problem = self._problem, None
        if problem is not None:
            raise problem
        try:
            page = await self._rest()
            if page is None:
                self._asked_ms = self._told.now_ms()
                page = await self._exporters.page(self._url)
            self._take(page)
        except HexiError as error:
            raise self._failed(error) from error

    async def _rest(self) -> Fetched | None:
        """Of the answer that is under way; None if there is none."""
        if not self.is_asked:
            return None
        self.is_asked = False
        try:
            return await self._exporters.rest(self._url)
        except StaleError:
            return None

    def _take(self, page: Fetched) -> None:
        try:
            found = self._looks.read(page.body, page.content_type)
        except PageError as error:
            raise _MalformedError(f"malformed page: {error}") from error
        self._told.offer(self.target, self._asked_ms, found)
        self._told.end(self.target, self._asked_ms, UP)

    def _failed(self, error: HexiError) -> HexiError:
        outcome = MALFORMED if isinstance(error, _MalformedError) else FAILED
        self._told.end(self.target, self._asked_ms, outcome)
        return error


class _MalformedError(Unavailable):
    """There is a page, and it can not be believed."""
