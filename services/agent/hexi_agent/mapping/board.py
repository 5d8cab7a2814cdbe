"""Keeps what sources said last, and cuts it into samples of our servers once a period."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from threading import Lock
from typing import NamedTuple

from hexi_kit.metrics import counter

from hexi_agent.domain.physics import Meters
from hexi_agent.domain.reckoning import Floats, Seen
from hexi_agent.mapping.cut import cut, in_range
from hexi_agent.mapping.match import Feed, Labels, RuleBook
from hexi_agent.mapping.meters import read_meters
from hexi_agent.mapping.outputs import Outputs
from hexi_agent.mapping.pages import Pages
from hexi_agent.mapping.series import Series
from hexi_agent.mapping.subjects import NOBODY, Subjects
from hexi_agent.mapping.unmapped import Tally
from hexi_agent.sources import Sample
from hexi_agent.sources.raw import RawReading
from hexi_agent.sources.shape import PageReadings

WHOSE = attrgetter("source", "subject")
INFINITE = (float("inf"), float("-inf"))


@dataclass(frozen=True, slots=True)
class BoardOptions:
    """`stale_ms` by source, else two periods: what is older says nothing about now."""

    servers: int
    period_ms: int
    stale_ms: Mapping[str, int] = field(default_factory=dict)
    # A part of a sum that was silent for so long is gone, not late.
    forget_ms: int = 300_000
    early_ms: int = 60_000
    series_max: int = 500_000
    subjects_max: int = 200_000

    def stale_of(self, source: str) -> int:
        return self.stale_ms.get(source, 2 * self.period_ms)


class _Whose(NamedTuple):
    """A source's subject: its number, the server it is, and for how long its readings are news."""

    number: int
    server: int
    stale_ms: int


class Board:
    """Sources take to it from any task or thread; as a source of samples the sampler reads it.

    Where two sources know the same by the same rule, the one named first counts.
    """

    def __init__(
        self, book: RuleBook, subjects: Subjects, now_ms: Callable[[], int], options: BoardOptions
    ) -> None:
        self._book, self._servers_of, self._now_ms = book, subjects, now_ms
        self._options = options
        self._lock = Lock()
        self._series = Series(options.series_max)
        self._pages = Pages(self._series)
        self._outputs = Outputs(book.rules)
        self._subjects: dict[tuple[str, str], _Whose] = {}
        self._sources: dict[str, int] = {name: n for n, name in enumerate(options.stale_ms)}
        self._forget_ms = max(options.forget_ms, 3 * options.period_ms, *_thrice(options))
        self.tally = Tally()

    def wants(self, name: str, labels: Labels) -> bool:
        """Whether a rule would take a reading of this name with these labels."""
        return self._book.wants(name, labels)

    def take(self, readings: Sequence[RawReading]) -> None:
        """What one source saw; whatever can not be used is counted with its reason."""
        with self._lock:
            latest_ms = self._now_ms() + self._options.early_ms
            if isinstance(readings, PageReadings):
                refused = self._take_page(readings, latest_ms)
            else:
                refused = self._take_each(readings, latest_ms)
        counter("agent.readings").add(len(readings) - refused, {"outcome": "mapped"})
        if refused:
            counter("agent.readings").add(refused, {"outcome": "unmapped"})

    def _take_page(self, page: PageReadings, latest_ms: int) -> int:
        if page.at_ms > latest_ms:
            return self._take_each(page, latest_ms)
        until_ms = page.at_ms + self._options.stale_of(page.whose[0])
        left = self._pages.hear(page, until_ms)
        refused = self._take_each(left, latest_ms) if left else 0
        if left is page:
            self._pages.learn(page, self._placed)
        return refused

    def _take_each(self, readings: Sequence[RawReading], latest_ms: int) -> int:
        """How many of them are of no use."""
        refused = 0
        # Readings of one server come together: what holds for all of them is asked once.
        for (source, subject), of_one in groupby(readings, key=WHOSE):
            whose = self._whose(source, subject)
            for reading in of_one:
                reason = self._take(reading, whose, latest_ms)
                if reason:
                    refused += 1
                    self.tally.refused(source, reading.name, reason, subject)
        return refused

    def _placed(self, reading: RawReading) -> list[int]:
        """Where a reading went that was taken."""
        whose = self._whose(reading.source, reading.subject)
        feeds = self._book.match(reading.name, reading.labels, reading.unit).feeds
        slots = (self._series.slot(whose.number, feed.identity) for feed in feeds)
        return [slot for slot in slots if slot >= 0]

    def read(self, before: Meters, now_ms: int) -> Sequence[Sample]:
        """The site at `now_ms`; a server of which nothing fresh is known is not good."""
        with self._lock:
            self._series.forget(now_ms - self._forget_ms)
            if not len(self._outputs):
                return []
            values = self._values(now_ms)
            columns = {metric: self._column(metric, values) for metric in self._outputs.metrics()}
            meters = read_meters(self._book.rules, self._outputs, values, before, now_ms)
        return cut(columns, self._options.servers, meters)

    def _take(self, reading: RawReading, whose: _Whose, latest_ms: int) -> str:
        """Why the reading is of no use; empty if it is."""
        _, _, name, labels, value, unit, at_ms = reading
        feeds, reason = self._book.match(name, labels, unit)
        if not feeds:
            return reason
        if value in INFINITE:
            return "not finite"
        if at_ms > latest_ms:
            return "from the future"
        if whose.number < 0:
            return "too many subjects"
        if len(feeds) == 1:
            return self._hear(reading, whose, feeds[0])
        reasons = [self._hear(reading, whose, feed) for feed in feeds]
        return "" if "" in reasons else reasons[0]

    def _hear(self, reading: RawReading, whose: _Whose, feed: Feed) -> str:
        series, value, at_ms = self._series, reading.value, reading.at_ms
        slot = series.slot(whose.number, feed.identity)
        if value != value:
            # How Prometheus and a sensor that is gone say that a series ends.
            if slot >= 0:
                series.end(slot)
            return "not a number"
        if slot < 0:
            reason = self._refusal(reading, whose.server, feed)
            if reason:
                return reason
            group = self._group(reading, whose.server, feed)
            slot = series.add(whose.number, feed.identity, group, is_counter=feed.is_counter)
            if slot < 0:
                return "too many series"
        is_news = series.hear(slot, value, at_ms, at_ms + whose.stale_ms)
        return "" if is_news else "older than the last"

    def _refusal(self, reading: RawReading, server: int, feed: Feed) -> str:
        """Why a reading that fits a rule is still nobody's."""
        if not self._book.takes_subject(feed.rule, reading.subject):
            return "subject: the rule asks for another"
        if server == NOBODY and not self._book.rules[feed.rule].meter:
            return "server unknown"
        return ""

    def _group(self, reading: RawReading, server: int, feed: Feed) -> int:
        rule = self._book.rules[feed.rule]
        self.tally.mapped(reading.source, reading.name, rule.metric or rule.meter, reading.subject)
        source = self._sources.setdefault(reading.source, len(self._sources))
        return 2 * self._outputs.number(feed.rule, source, server) + feed.below

    def _whose(self, source: str, subject: str) -> _Whose:
        found = self._subjects.get((source, subject))
        if found is None:
            if len(self._subjects) >= self._options.subjects_max:
                return _Whose(-1, NOBODY, 0)
            stale_ms = self._options.stale_of(source)
            found = _Whose(len(self._subjects), self._servers_of.server(subject), stale_ms)
            self._subjects[source, subject] = found
        return found

    def _values(self, now_ms: int) -> Floats:
        group, value, at_ms, until_ms = self._series.columns()
        used, fresh = at_ms > 0, until_ms >= now_ms
        if used.all():
            return self._outputs.values(Seen(group, value, fresh))
        return self._outputs.values(Seen(group[used], value[used], fresh[used]))

    def _column(self, metric: int, values: Floats) -> Floats:
        column = self._outputs.of_metric(metric, values, self._options.servers)
        column, outside = in_range(metric, column)
        if outside:
            counter("agent.readings").add(outside, {"outcome": "implausible"})
        return column


def _thrice(options: BoardOptions) -> list[int]:
    return [3 * stale_ms for stale_ms in options.stale_ms.values()]
