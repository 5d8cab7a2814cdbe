"""Where on a page the wanted lines stand, so that of the next one like it only these are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexi_agent.sources.openmetrics.page import Labels, PageReader, PageSample

Floats = NDArray[np.float64]
LINE_FEED = 10
# How numbers are written that leave no doubt; with any other the page is read whole.
PLAIN = b"0123456789.eE+-"
END = b"\n# EOF\n"


class WantedLine(NamedTuple):
    """The line of this number is `key`, one blank and a plain number."""

    number: int
    key: bytes
    name: str
    labels: Labels


class Layout:
    """Fits pages with as many lines and the same series in the wanted ones; what stands in the
    others is not looked at."""

    def __init__(self, wanted: Sequence[tuple[int, bytes]], lines: int, *, is_strict: bool) -> None:
        """`wanted`: each line's number and what stands before its value; `lines` are all.

        `is_strict`: of OpenMetrics, which has an end and values that may not be below 0.
        """
        self._lines, self._is_strict = lines, is_strict
        self._keys = [key for _, key in wanted]
        self._numbers = np.array([number for number, _ in wanted], np.int32)
        self._lengths = np.array([len(key) for key in self._keys], np.int32)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Layout):
            return NotImplemented
        mine = (self._lines, self._is_strict, self._keys, self._numbers.tolist())
        return mine == (other._lines, other._is_strict, other._keys, other._numbers.tolist())

    def __hash__(self) -> int:
        return hash((self._lines, self._numbers.tobytes()))

    def values(self, page: bytes) -> Floats | None:
        """In the order of the wanted lines; None if the page has to be read whole."""
        ends = np.flatnonzero(np.frombuffer(page, np.uint8) == LINE_FEED)
        if len(ends) != self._lines or not page.endswith(END if self._is_strict else b"\n"):
            return None
        begins = np.where(self._numbers, ends[self._numbers - 1] + 1, 0)
        places = zip(
            self._keys,
            begins.tolist(),
            (begins + self._lengths).tolist(),
            ends[self._numbers].tolist(),
            strict=True,
        )
        numbers = [page[at:end] for key, begin, at, end in places if page.startswith(key, begin)]
        if len(numbers) < len(self._keys) or b"".join(numbers).translate(None, PLAIN):
            return None
        try:
            values = np.array([float(number) for number in numbers])
        except ValueError:
            return None
        is_doubtful = not np.isfinite(values).all() or (
            self._is_strict and bool((values < 0).any())
        )
        return None if is_doubtful else values


def text_lines(reader: PageReader, page: bytes) -> list[WantedLine] | None:
    """Of a page that `reader` has read just now; None if a line is not written as most are."""
    found = list[WantedLine]()
    for number, key, _ in _told(page):
        series = reader.series_of(key)
        if series is None:
            return None
        if series:
            found.append(WantedLine(number, key, *series))
    return found


def openmetrics_lines(
    reader: PageReader, page: bytes, samples: Sequence[PageSample]
) -> list[WantedLine] | None:
    """The same of a page that says `samples`: they come in the order of their lines."""
    told = list(_told(page))
    if len(told) != len(samples):
        return None
    found = list[WantedLine]()
    for (number, key, text), sample in zip(told, samples, strict=True):
        if not _is_plain(key, text, sample):
            return None
        if reader.wants(sample.name, sample.labels):
            found.append(WantedLine(number, key, sample.name, sample.labels))
    return found


def _told(page: bytes) -> Iterable[tuple[int, bytes, bytes]]:
    """Lines that are no comments: number, series and value, if they are written as most are."""
    for number, line in enumerate(page.split(b"\n")):
        if line and not line.startswith(b"#"):
            key, _, text = line.rpartition(b" ")
            yield number, key, text


def _is_plain(key: bytes, text: bytes, sample: PageSample) -> bool:
    """No time and no exemplar stands behind the value."""
    labels = key.removeprefix(sample.name.encode())
    has_labels = labels.startswith(b"{") and labels.endswith(b"}") and b" # " not in labels
    is_whole = has_labels if sample.labels else not labels
    return is_whole and sample.at_ms is None and repr(sample.value).encode() == _canonical(text)


def _canonical(text: bytes) -> bytes:
    try:
        return repr(float(text)).encode()
    except ValueError:
        return b""
