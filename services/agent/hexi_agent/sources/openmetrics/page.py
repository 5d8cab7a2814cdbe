"""Reads pages of exporters: OpenMetrics, and the older text format of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


class _Series(NamedTuple):
    name: str
    labels: Labels
    is_wanted: bool


class PageReader:
    """Remembers the series that it has proved: of a page that was seen before only values are read.

    Each line of the text format stands alone, so a line is as good as its series and its numbers.
    OpenMetrics has rules over many lines and is read whole, every time. A series that `wants`
    refuses is handed on once, so that it can be told as unmapped, and then only proved.
    """

    def __init__(self, wants: Wants = everything, series_max: int = SERIES_MAX) -> None:
        self._wants = wants
        self._half = max(1, series_max // 2)
        self._young: dict[bytes, _Series] = {}
        self._old: dict[bytes, _Series] = {}

    def read(self, page: bytes, content_type: str) -> list[PageSample]:
        """
        Raises:
            PageError: nothing of such a page is believed.
        """
        lines = page.split(b"\n")
        if len(max(lines, key=len)) > LINE_BYTES_MAX:
            raise PageError(f"expected lines of at most {LINE_BYTES_MAX} bytes")
        if content_type.partition(";")[0].strip().lower() == OPENMETRICS:
            return _openmetrics(page)
        if lines.pop():
            # A number that was cut off is another number.
            raise PageError("expected a line feed at the end, was cut off")
        return self._text(lines)

    def _text(self, lines: list[bytes]) -> list[PageSample]:
        found: list[PageSample] = []
        for line in lines:
            if line.startswith(b"#"):
                if line not in self._young:
                    self._find(line, line)
                continue
            key, numbers = _cut(line)
            series = self._young.get(key)
            is_new = series is None
            if series is None:
                series = self._find(key, line)
            if not series.name:
                continue  # blank, or a comment after blanks
            try:
                # Python lets underscores stand in numbers; the format does not.
                value, at_ms = float(b"" if b"_" in numbers else numbers), None
            except ValueError:
                value, at_ms = _numbers(series.name, numbers)
            if series.is_wanted or is_new:
                found.append(PageSample(series.name, series.labels, value, at_ms))
        return found

    def _find(self, key: bytes, line: bytes) -> _Series:
        """The newer half is kept when there are too many: exporters come and go."""
        series = self._old.get(key)
        if series is None:
            name, labels = _prove(line)
            series = _Series(name, labels, bool(name) and self._wants(name, labels))
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = series
        return series


def _cut(line: bytes) -> tuple[bytes, bytes]:
    """The series, and its numbers; a line that breaks the format is cut somewhere, and proved."""
    end = line.rfind(b"}") + 1
    if end:
        return line[:end], line[end:]
    words = line.split(None, 1)
    return (words[0], words[1]) if len(words) == 2 else (line, b"")


def _prove(line: bytes) -> tuple[str, Labels]:
    """The series of this line; one without a name where it is blank or a comment."""
    try:
        families = list(text_string_to_metric_families(line.decode()))
    except _BROKEN as error:
        raise PageError(f"{_shown(line)}: {str(error)[:120] or 'malformed'}") from error
    for sample in (one for family in families for one in family.samples):
        return sample.name, tuple(sorted(sample.labels.items()))
    return "", ()


def _numbers(name: str, numbers: bytes) -> tuple[float, int]:
    """A value and when it was measured."""
    words = numbers.split()
    try:
        if b"_" in numbers or len(words) != 2:
            raise ValueError("expected a value and perhaps a time")
        return float(words[0]), int(words[1])
    except ValueError as error:
        raise PageError(f"{name[:80]}: {str(error)[:120]}") from error


def _openmetrics(page: bytes) -> list[PageSample]:
    parse: Callable[[str], Iterator[Metric]] = openmetrics.text_string_to_metric_families
    try:
        return [
            PageSample(
                sample.name,
                tuple(sorted(sample.labels.items())),
                float(sample.value),
                None if sample.timestamp is None else round(float(sample.timestamp) * 1_000),
            )
            for family in parse(page.decode())
            for sample in family.samples
            if sample.value is not None  # a native histogram has no one value
        ]
    except _BROKEN as error:
        raise PageError(str(error)[:200] or "malformed") from error


def _shown(line: bytes) -> str:
    return repr(line[:60].decode(errors="replace"))
