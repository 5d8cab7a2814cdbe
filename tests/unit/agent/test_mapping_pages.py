"""Goal: pages of a known shape feed the board as the same readings do one by one.
Method: two boards, one told of pages and one of readings, through arbitrary histories."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hexi_agent.domain.physics import Meters
from hexi_agent.mapping.board import Board, BoardOptions
from hexi_agent.mapping.match import RuleBook
from hexi_agent.mapping.rules import parse_mapping
from hexi_agent.mapping.subjects import Subjects
from hexi_agent.sources import Sample
from hexi_agent.sources.raw import RawReading
from hexi_agent.sources.shape import PageReadings, RawSeries, Shape
from hypothesis import given, settings
from hypothesis import strategies as st

MAPPING = """
rules:
  - {read: cpu, as: counter, by: [core], scale: -1, offset: 1, metric: cpu_utilisation}
  - {read: free, per: total, metric: memory_utilisation}
  - {read: total, metric: power_w}
  - {read: feed, meter: facility_energy_ws}
  - {read: noise, unmapped: nobody needs it}
"""
PERIOD_MS = 10_000
SERIES = [
    RawSeries("", "cpu", (("core", "0"), ("die", "0"))),
    # One series with the first, by the rule: the second of a moment is late.
    RawSeries("", "cpu", (("core", "0"), ("die", "1"))),
    RawSeries("", "cpu", (("core", "1"),)),
    RawSeries("", "free", ()),
    RawSeries("", "total", ()),
    RawSeries("n2", "total", ()),
    RawSeries("nobody", "total", ()),
    RawSeries("feeds", "feed", ()),
    RawSeries("", "noise", ()),
    RawSeries("", "unknown", ()),
]
SHAPES = [Shape(SERIES), Shape(SERIES[2:5]), Shape(SERIES[::-1]), Shape([])]


class Both:
    """The same told in two ways."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.boards = [self._board(), self._board()]

    def _board(self) -> Board:
        book = RuleBook(parse_mapping(MAPPING, "test").rules)
        options = BoardOptions(2, PERIOD_MS, {"pages": 2 * PERIOD_MS}, forget_ms=60_000)
        return Board(book, Subjects({"n1": 0, "n2": 1}), lambda: self.now_ms, options)

    def take(self, page: PageReadings) -> None:
        self.boards[0].take(page)
        self.boards[1].take(list(page))

    def one(self, reading: RawReading) -> None:
        for board in self.boards:
            board.take([reading])

    def agree(self) -> None:
        first, second = (_told(one.read(Meters(), self.now_ms)) for one in self.boards)
        assert first == second
        assert [*self.boards[0].tally.lines()] == [*self.boards[1].tally.lines()]


def _told(samples: Sequence[Sample]) -> str:
    return repr([
        (one.first_server, {m: v.tolist() for m, v in one.columns.items()}, one.good, one.meters)
        for one in samples
    ])  # fmt: skip


def page(shape: Shape, values: list[float], at_ms: int) -> PageReadings:
    return PageReadings(("pages", "n1"), shape, np.array(values[: len(shape.series)]), at_ms)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(SHAPES),
        st.lists(st.integers(0, 9).map(float), min_size=len(SERIES), max_size=len(SERIES)),
        st.sampled_from([-30_000, -1, 0, 0, 0, 0, 500, 300_000]),
        st.sampled_from([0, 1, PERIOD_MS, PERIOD_MS, 90_000]),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_a_page_is_taken_as_its_readings_are(
    steps: list[tuple[Shape, list[float], int, int, bool]],
) -> None:
    both = Both()

    for shape, values, late_ms, passed_ms, ends in steps:
        both.now_ms += passed_ms
        both.take(page(shape, values, both.now_ms + late_ms))
        if ends:
            nan = float("nan")
            both.one(RawReading("pages", "n1", "total", (), nan, "", both.now_ms))
        both.agree()


def test_a_page_is_a_row_of_readings() -> None:
    told = page(SHAPES[0], [float(n) for n in range(10)], 5)

    assert len(told) == len(list(told)) == 10
    assert told[5] == RawReading("pages", "n2", "total", (), 5.0, "", 5)
    assert told[0].subject == "n1"
    assert [one.value for one in told[-2:]] == [8.0, 9.0]
