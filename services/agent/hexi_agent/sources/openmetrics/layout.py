"""Where on a page the wanted lines stand, so that of the next one like it only these are read."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from math import isfinite
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hexi_agent.sources.openmetrics.page import Labels, PageReader, PageSample

Floats = NDArray[np.float64]
# Of the first byte of each wanted line.
Places: TypeAlias = "array[int]"
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
    """Fits pages with as many lines and the same series in the wanted ones, in their order; what
    stands in the others is not looked at."""

    def __init__(self, wanted: Sequence[tuple[int, bytes]], lines: int, *, is_strict: bool) -> None:
        """`wanted`: each line's number and what stands before its value, from the line feed before
        it on; `lines` are all.

        `is_strict`: of OpenMetrics, which has an end and values that may not be below 0.
        """
        self._lines, self._is_strict = lines, is_strict
        self._numbers = array("i", (number for number, _ in wanted))
        # No line feed stands before the first line.
        self._keys = [key if number else key[1:] for number, key in wanted]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Layout):
            return NotImplemented
        mine = (self._lines, self._is_strict, self._keys, self._numbers)
        return mine == (other._lines, other._is_strict, other._keys, other._numbers)

    def __hash__(self) -> int:
        return hash((self._lines, self._numbers.tobytes()))

    def places(self, page: bytes) -> Places:
        """Where the wanted lines stand on a page that fits."""
        ends = np.flatnonzero(_feeds(page))
        numbers = np.array(self._numbers)
        return array("i", np.where(numbers, ends[numbers - 1], 0).tolist())

    def values(self, page: bytes, places: Places) -> Floats | None:
        """In the order of the wanted lines; None if the page has to be read whole.

        `places` are those of the page before, and become those of this one.
        """
        if not page.endswith(END if self._is_strict else b"\n"):
            return None
        if np.count_nonzero(_feeds(page)) != self._lines:
            return None
        texts = self._texts(page, places)
        if texts is None or b"".join(texts).translate(None, PLAIN):
            return None
        try:
            values = list(map(float, texts))
        except ValueError:
            return None
        # A number of many digits may be too large: one that is not finite makes the sum such.
        is_doubtful = not isfinite(sum(values)) or (
            self._is_strict and min(values, default=0.0) < 0
        )
        return None if is_doubtful else np.array(values, np.float64)

    def _texts(self, page: bytes, places: Places) -> list[bytes] | None:
        """What stands behind the keys: most lines have moved as far as the one before them."""
        texts = list[bytes]()
        moved = end = 0
        for number, key in enumerate(self._keys):
            place = places[number] + moved
            if not page.startswith(key, place):
                place = page.find(key, end) if key.startswith(b"\n") else -1
                if place < 0:
                    return None
                moved = place - places[number]
            if moved:
                places[number] = place
            begin = place + len(key)
            end = page.find(b"\n", begin)
            texts.append(page[begin:end])
        return texts


def _feeds(page: bytes) -> NDArray[np.bool_]:
    feeds: NDArray[np.bool_] = np.frombuffer(page, np.uint8) == LINE_FEED
    return feeds


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
