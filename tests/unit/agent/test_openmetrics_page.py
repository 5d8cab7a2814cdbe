"""Goal: a page is believed exactly when its format is kept, and remembering changes no verdict.
Method: the published cases, a real exporter's page, and mutated pages read warm and cold."""

from __future__ import annotations

import gzip
import json
import math
import os
import tarfile
from pathlib import Path

import pytest
from hexi_agent.sources.openmetrics.page import (
    LINE_BYTES_MAX,
    OPENMETRICS,
    TEXT,
    PageError,
    PageReader,
    PageSample,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

DATA = Path(os.environ.get("HEXI_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
CASES = DATA / "openmetrics" / "cases.tar.gz"
PAGE = DATA / "prom" / "node_exporter_1.5.0.prom.gz"
SMALL = b"""# HELP node_load1 1m load average.
# TYPE node_load1 gauge
node_load1 0.21
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu="0",mode="idle"} 3.4e+06
node_cpu_seconds_total{cpu="1",mode="a }\\" b"} 5 1395066363000
up 1
"""


def read(page: bytes, kind: str = TEXT, reader: PageReader | None = None) -> list[PageSample] | str:
    """What a page says, or that it is refused."""
    try:
        return (reader or PageReader()).read(page, kind)
    except PageError:
        return "refused"


@pytest.mark.skipif(not CASES.exists(), reason="no OpenMetrics cases: set HEXI_DATA")
def test_the_published_cases_have_their_published_verdict() -> None:
    wrong, seen = [], 0
    with tarfile.open(CASES) as cases:
        texts = {one.name: cases.extractfile(one).read() for one in cases if one.isfile()}  # type: ignore[union-attr] # files have a content
    for name in (name for name in texts if name.endswith("/test.json")):
        case = json.loads(texts[name])
        page = texts[name.replace("test.json", case["file"])]
        seen += 1
        is_read = read(page, f"{OPENMETRICS}; version=1.0.0; charset=utf-8") != "refused"
        if is_read != case["shouldParse"]:
            wrong.append(name)

    assert (wrong, seen) == ([], 141)


@pytest.mark.skipif(not PAGE.exists(), reason="no page of node_exporter: set HEXI_DATA")
def test_a_real_page_is_read_as_the_library_reads_it() -> None:
    page = gzip.decompress(PAGE.read_bytes())
    families = list(text_string_to_metric_families(page.decode()))
    expected = [
        (one.name, tuple(sorted(one.labels.items())), float(one.value))
        for family in families
        for one in family.samples
    ]

    reader = PageReader()
    cold, warm = reader.read(page, TEXT), reader.read(page, TEXT)

    assert len(expected) == 507
    assert [one[:3] for one in cold] == expected
    assert warm == cold


def test_what_nobody_wants_is_told_once_and_then_only_proved() -> None:
    reader = PageReader(wants=lambda name, _: name == "node_load1")

    names = [[one.name for one in reader.read(SMALL, TEXT)] for _ in range(2)]

    assert [len(one) for one in names] == [4, 1]
    with pytest.raises(PageError):
        reader.read(SMALL.replace(b"up 1\n", b"up one\n"), TEXT)


def test_blanks_times_and_names_in_braces() -> None:
    page = b'foo\t55\n bar  3\n\n  # a word\nfoo{a="b"}\t5 -1000\n{"x.y",k="v"} Inf\nz NaN\r\n'

    for _ in range(2):
        found = read(page)

        assert isinstance(found, list)
        assert [one[:2] + one[3:] for one in found] == [
            ("foo", (), None),
            ("bar", (), None),
            ("foo", (("a", "b"),), -1000),
            ("x.y", (("k", "v"),), None),
            ("z", (), None),
        ]
        assert [one.value for one in found[:4]] == [55.0, 3.0, 5.0, math.inf]


@pytest.mark.parametrize(
    "page",
    [
        b"up 1",
        b"up 1\nup 12",
        b"up\n",
        b"up 1_0\n",
        b"up 1 2 3\n",
        b"up 1 soon\n",
        b"up 0x10\n",
        b'up{a="b} 1\n',
        b'up{a="1",a="2"} 1\n',
        b"1up 1\n",
        b"# TYPE up lamp\n",
        b"up \xff\n",
        b'up{a="' + b'\\"' * LINE_BYTES_MAX + b'"} 1\n',
    ],
)
def test_a_broken_page_is_refused_whole(page: bytes) -> None:
    reader = PageReader()
    reader.read(SMALL, TEXT)

    assert read(SMALL + page, reader=reader) == "refused"


PIECES = st.sampled_from(
    [b'"', b"{", b"}", b",", b"=", b"#", b" ", b"\n", b"\\", b"NaN", b"_", b"\xff", b"\0", b"\t",
     b"-1", b"# EOF\n", b"# TYPE a histogram\n", b"1" * 400, b'a_bucket{le="1"} 1\n', b"\x1e"]
)  # fmt: skip
CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5), PIECES), max_size=4)


def changed(page: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    for where, cut, piece in changes:
        at = int(where * len(page))
        page = page[:at] + piece + page[at + cut :]
    return page


@settings(max_examples=150, deadline=None)
@given(st.lists(CHANGES, min_size=1, max_size=3), st.booleans())
def test_a_reader_that_remembers_says_what_one_that_does_not_says(
    pages: list[list[tuple[float, int, bytes]]], is_text: bool
) -> None:
    kind, small = (TEXT, SMALL) if is_text else (OPENMETRICS, SMALL + b"# EOF\n")
    warm = PageReader(series_max=6)

    for changes in pages:
        page = changed(small, changes)
        for _ in range(2):
            assert repr(read(page, kind, warm)) == repr(read(page, kind))
