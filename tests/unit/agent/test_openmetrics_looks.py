"""Goal: to look only at the wanted lines of a page says of them what reading it whole says.
Method: pages as exporters write them and mutated ones, read look after look beside a reader that
knows nothing."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from hexi_agent.sources.openmetrics.looks import PROVED_EVERY, Forms, Known, Looks
from hexi_agent.sources.openmetrics.page import (
    OPENMETRICS,
    TEXT,
    Labels,
    PageError,
    PageReader,
    PageSample,
)
from hexi_agent.sources.shape import RawSeries
from hypothesis import given, settings
from hypothesis import strategies as st

DATA = Path(os.environ.get("HEXI_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
PAGE = DATA / "prom" / "node_exporter_1.5.0.prom.gz"
SMALL = b"""# HELP node_load1 1m load average.
# TYPE node_load1 gauge
node_load1 0.21
# TYPE node_cpu_seconds counter
node_cpu_seconds_total{cpu="0",mode="idle"} 3.4e+06
node_cpu_seconds_total{cpu="0",mode="user"} 17
node_cpu_seconds_total{cpu="1",mode="idle"} 5
# TYPE up gauge
up 1
"""
IDLE = ("mode", "idle")
Values = list[tuple[str, Labels, float]]


def wants(name: str, labels: Labels) -> bool:
    return IDLE in labels or name == "up"


def looks(first: int = 0) -> Looks:
    return Looks(Forms(PageReader(wants), lambda name, labels: RawSeries("", name, labels)), first)


def wanted(found: Known | list[PageSample]) -> Values:
    """What a look says of wanted series; times are left out."""
    if isinstance(found, Known):
        values = found.values.tolist()
        return [
            (one.name, one.labels, value)
            for one, value in zip(found.shape.series, values, strict=True)
        ]
    return [one[:3] for one in found if wants(one.name, one.labels)]


def whole(page: bytes, kind: str) -> Values | None:
    """What a reader that knows nothing says; None if it refuses."""
    try:
        return wanted(PageReader(wants).read(page, kind))
    except PageError:
        return None


@pytest.mark.parametrize(("kind", "end"), [(TEXT, b""), (OPENMETRICS, b"# EOF\n")])
def test_the_second_look_reads_only_what_is_wanted(kind: str, end: bytes) -> None:
    page, target = SMALL + end, looks()
    later = page.replace(b"3.4e+06", b"3400010.25").replace(b"0.21", b"12.5")

    first, second = target.read(page, kind), target.read(later, kind)

    assert isinstance(first, list)
    assert isinstance(second, Known)
    assert wanted(second) == whole(later, kind)
    assert [value for *_, value in wanted(second)] == [3400010.25, 5.0, 1.0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"up 1\n", b""),
        (b"up 1\n", b"up 1\nnode_load5 3\n"),
        (b"node_load1 0.21\n", b'node_cpu_seconds_total{cpu="2",mode="idle"} 8\n'),
        (b"up 1\n", b"up 1 1000\n"),
        (b"up 1\n", b"up  1\n"),
        (b'cpu="1"', b'cpu="3"'),
    ],
)
def test_a_page_of_another_shape_is_read_whole(old: bytes, new: bytes) -> None:
    target = looks()
    target.read(SMALL, TEXT)
    page = SMALL.replace(old, new)
    if b"node_load1" in old:
        # As many lines as before, in another order: a wanted one is missed at its place.
        page = page.replace(b"# TYPE up gauge\n", b"")

    found = target.read(page, TEXT)

    assert isinstance(found, list)
    assert wanted(found) == whole(page, TEXT)


@pytest.mark.parametrize("number", [b"1_0", b"one", b"0x1", b"", b"1e", b"1 2 3", b"--1"])
def test_a_wanted_line_that_is_broken_breaks_the_page(number: bytes) -> None:
    target = looks()
    target.read(SMALL, TEXT)

    with pytest.raises(PageError):
        target.read(SMALL.replace(b"up 1", b"up " + number), TEXT)
    with pytest.raises(PageError):
        target.read(SMALL[:-1], TEXT)


def test_an_openmetrics_page_keeps_its_own_rules() -> None:
    page, target = SMALL + b"# EOF\n", looks()
    target.read(page, OPENMETRICS)

    for broken in (SMALL, page + b"up 1\n", page.replace(b"} 5\n", b"} -5\n")):
        with pytest.raises(PageError):
            target.read(broken, OPENMETRICS)
    shown = page.replace(b"} 5\n", b'} 5 # {trace_id="a"} 5\n')
    assert wanted(target.read(shown, OPENMETRICS)) == whole(shown, OPENMETRICS)
    assert isinstance(target.read(shown, OPENMETRICS), list)


def test_a_page_that_broke_elsewhere_is_found_out() -> None:
    target, broken = looks(first=7), SMALL.replace(b"0.21", b"lots")
    target.read(SMALL, TEXT)
    seen = 0

    with pytest.raises(PageError):
        for _ in range(PROVED_EVERY):
            target.read(broken, TEXT)
            seen += 1

    assert seen == PROVED_EVERY - 7 - 2


@pytest.mark.skipif(not PAGE.exists(), reason="no page of node_exporter: set HEXI_DATA")
def test_a_real_page_is_read_by_its_layout() -> None:
    page, target = gzip.decompress(PAGE.read_bytes()), looks()

    target.read(page, TEXT)
    found = target.read(page, TEXT)

    assert isinstance(found, Known)
    assert wanted(found) == whole(page, TEXT)
    assert len(found.values) == 2


PIECES = st.sampled_from(
    [b'"', b"{", b"}", b"#", b" ", b"\n", b"NaN", b"_", b"\xff", b"\r", b"-", b"7", b"1e400",
     b"up 2\n", b'node_cpu_seconds_total{cpu="1",mode="idle"} 6\n', b"# EOF\n", b" # {} 1"]
)  # fmt: skip
CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), PIECES), max_size=3)


@settings(max_examples=200, deadline=None)
@given(st.lists(CHANGES, min_size=1, max_size=4), st.booleans())
def test_wanted_lines_say_what_the_whole_page_says(
    pages: list[list[tuple[float, int, bytes]]], is_text: bool
) -> None:
    kind, small = (TEXT, SMALL) if is_text else (OPENMETRICS, SMALL + b"# EOF\n")
    target = looks()

    for changes in pages:
        page = small
        for where, cut, piece in changes:
            at = int(where * len(page))
            page = page[:at] + piece + page[at + cut :]
        expected = whole(page, kind)
        try:
            found = target.read(page, kind)
        except PageError:
            assert expected is None
            continue
        if not isinstance(found, Known):
            assert repr(wanted(found)) == repr(expected)
        elif expected is not None:
            # A series that came in a line that nobody looked at is seen when the page is proved.
            assert {repr(one) for one in wanted(found)} <= {repr(one) for one in expected}
