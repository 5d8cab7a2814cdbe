"""Reads pages of exporters: OpenMetrics, and the older text format of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from sys import intern
from typing import NamedTuple

from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]

OPENMETRICS = "application/openmetrics-text"
TEXT = "text/plain"
# Escapes make the library's work grow with the square of a line.
LINE_BYTES_MAX = 16 * 1024
SERIES_MAX = 100_000
# What the library's parsers let out on bytes that nobody thought of.
_BROKEN = (ValueError, LookupError, ArithmeticError, TypeError, AttributeError)

Wants = Callable[[str, Labels], bool]


def everything(_name: str, _labels: Labels) -> bool:
    return True


class PageError(ValueError):
    """This page breaks its format; its text says where."""


class PageSample(NamedTuple):
    """`at_ms` only where the page says when it was measured."""

    name: str
    labels: Labels
    value: float
    at_ms: int | None


_Series = tuple[str, Labels]
NOBODYS = ()


def is_openmetrics(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == OPENMETRICS


class _Known(NamedTuple):
    """What was proved: series by how they are written, NOBODYS where nobody wants one."""

    series: dict[bytes, _Series | tuple[()]]
    comments: set[bytes]


class PageReader:
    """Remembers the series that it has proved: of a page that was seen before only values are read.

    Each line of the text format stands alone, so a line is as good as its series and its numbers.
    OpenMetrics has rules over many lines and is read whole, every time. A series that `wants`
    refuses is handed on once, so that it can be told as unmapped, and then only proved.
    """

    def __init__(self, wants: Wants = everything, series_max: int = SERIES_MAX) -> None:
        self.wants = wants
        self._half = max(1, series_max // 2)
        self._young, self._old = _Known({}, set()), _Known({}, set())

    def read(self, page: bytes, content_type: str) -> list[PageSample]:
        """
        Raises:
            PageError: nothing of such a page is believed.
        """
        lines = page.split(b"\n")
        if max(map(len, lines)) > LINE_BYTES_MAX:
            raise PageError(f"expected lines of at most {LINE_BYTES_MAX} bytes")
        if is_openmetrics(content_type):
            return _openmetrics(page)
        if lines.pop():
            # A number that was cut off is another number.
            raise PageError("expected a line feed at the end, was cut off")
        if len(self._young.series) + len(self._young.comments) >= self._half:
            # Exporters come and go: what no page of late has said is forgotten.
            self._old, self._young = self._young, _Known({}, set())
        return self._text(lines)

    def series_of(self, key: bytes) -> _Series | tuple[()] | None:
        """On the page read last, in the text format: NOBODYS if not wanted, None if not there."""
        return self._young.series.get(key)

    def _text(self, lines: list[bytes]) -> list[PageSample]:
        series_of, comments = self._young
        found: list[PageSample] = []
        for line in lines:
            if line in comments:
                continue
            key, _, number = line.rpartition(b" ")
            series = series_of.get(key)
            try:
                if series is None:
                    found += self._learn(line)
                    continue
                # Python lets underscores stand in numbers; the format does not.
                value = float(b"" if b"_" in number else number)
            except ValueError as error:
                raise PageError(f"{_shown(line)}: {str(error)[:120]}") from error
            if series:
                found.append(PageSample(series[0], series[1], value, None))
        return found

    def _learn(self, line: bytes) -> list[PageSample]:
        """A line that is new, or not written as most are: with a time, or with other blanks."""
        young, old = self._young, self._old
        if line.startswith(b"#"):
            if line not in old.comments:
                _prove(line)
            young.comments.add(line)
            return []
        key, words = _cut(line)
        series = young.series.get(key)
        if series is None and (series := old.series.get(key)) is not None:
            young.series[key] = series
        if series is not None:
            value, at_ms = _numbers(words)
            return [PageSample(series[0], series[1], value, at_ms)] if series else []
        proved = _prove(line)
        if proved is None:
            return []
        if repr((proved.value, proved.at_ms)) != repr(_numbers(words)):
            raise ValueError("expected a value and perhaps a time")
        is_wanted = self.wants(proved.name, proved.labels)
        young.series[key] = _shared(proved) if is_wanted else NOBODYS
        return [proved]


def _cut(line: bytes) -> tuple[bytes, list[bytes]]:
    """The series, and its numbers; a line that breaks the format is cut somewhere, and proved."""
    end = line.rfind(b"}") + 1
    if end:
        return line[:end], line[end:].split()
    first, *words = line.split() or [b""]
    return first, words


def _numbers(words: list[bytes]) -> tuple[float, int | None]:
    """A value, and perhaps when it was measured."""
    if not 1 <= len(words) <= 2 or any(b"_" in word for word in words):
        raise ValueError("expected a value and perhaps a time")
    return float(words[0]), int(words[1]) if len(words) == 2 else None


def _prove(line: bytes) -> PageSample | None:
    """What the library reads in this line; nothing where it is blank or a comment."""
    try:
        found = _samples(text_string_to_metric_families(line.decode()))
    except _BROKEN as error:
        raise ValueError(str(error) or "malformed") from error
    return found[0] if found else None


def _shared(proved: PageSample) -> tuple[str, Labels]:
    """Thousands of series are made of the same few words: each is kept once."""
    labels = tuple((intern(name), intern(text)) for name, text in proved.labels)
    return intern(proved.name), labels


def _openmetrics(page: bytes) -> list[PageSample]:
    parse: Callable[[str], Iterable[Metric]] = openmetrics.text_string_to_metric_families
    try:
        return _samples(parse(page.decode()))
    except _BROKEN as error:
        raise PageError(str(error)[:200] or "malformed") from error


def _samples(families: Iterable[Metric]) -> list[PageSample]:
    return [
        PageSample(
            sample.name,
            tuple(sorted(sample.labels.items())),
            float(sample.value),
            None if sample.timestamp is None else round(float(sample.timestamp) * 1_000),
        )
        for family in families
        for sample in family.samples
        if sample.value is not None  # a native histogram has no one value
    ]


def _shown(line: bytes) -> str:
    return repr(line[:60].decode(errors="replace"))
