"""Goal: what sources say becomes the reading of the right server, or is named with its reason.
Method: rules written here, readings taken to a board, samples read from it; hypothesis against a
plain dictionary."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hexi_agent.domain.physics import Meters
from hexi_agent.domain.readings import METERS, METRICS
from hexi_agent.frame import FrameHead, frame_bytes
from hexi_agent.mapping.board import Board, BoardOptions
from hexi_agent.mapping.match import RuleBook
from hexi_agent.mapping.rules import MappingFile, parse_mapping, read_mappings, shipped_names
from hexi_agent.mapping.subjects import SubjectRule, Subjects
from hexi_agent.sources.raw import RawReading
from hexi_kit.errors import InvalidArgument
from hypothesis import given, settings
from hypothesis import strategies as st

PERIOD_MS = 10_000
NOW_MS = 1_700_000_000_000
POWER = METRICS["power_w"].number
INLET = METRICS["inlet_temperature_c"].number
CPU = METRICS["cpu_utilisation"].number
MEMORY = METRICS["memory_utilisation"].number
RULES = """
rules:
  - {read: watts, over: sum, metric: power_w}
  - {read: rough_watts, metric: power_w}
  - read: "temp*"
    where: {place: [inlet, ambient]}
    unit: Cel
    over: max
    metric: inlet_temperature_c
  - {read: idle_s, as: counter, over: mean, scale: -1, offset: 1, metric: cpu_utilisation}
  - {read: free, per: total, scale: -1, offset: 1, metric: memory_utilisation}
  - {read: kwh, scale: 3600000, meter: facility_energy_ws}
  - {read: it_watts, as: watts, meter: it_energy_ws}
  - {read: "noise*", unmapped: nobody needs it}
"""


class Told:
    """A board of three servers, and what time it is."""

    def __init__(self, text: str = RULES, servers: int = 3) -> None:
        rules = parse_mapping(text, "test").rules
        names = {f"s{number}": number for number in range(servers)}
        subjects = Subjects(names, [SubjectRule(pattern=r"(?P<h>.+):\d+", server="{h}")])
        self.now_ms = NOW_MS
        options = BoardOptions(servers, PERIOD_MS, {"a": 2 * PERIOD_MS, "b": 2 * PERIOD_MS})
        self.board = Board(RuleBook(rules), subjects, lambda: self.now_ms, options)

    def say(self, name: str, value: float, subject: str = "s0", **more: object) -> None:
        labels = tuple(
            sorted((k, str(v)) for k, v in more.items() if k not in ("at", "unit", "by"))
        )
        at_ms = int(str(more.get("at", self.now_ms)))
        source, unit = str(more.get("by", "a")), str(more.get("unit", ""))
        self.board.take([RawReading(source, subject, name, labels, value, unit, at_ms)])

    def column(self, metric: int) -> list[float]:
        found = self.board.read(Meters(), self.now_ms)
        return found[0].columns[metric].tolist() if found else []

    def reasons(self) -> dict[str, str]:
        return {line.name: line.reason for line in self.board.tally.lines() if line.reason}


def test_parts_of_a_server_become_one_reading_and_others_stay_open() -> None:
    told = Told()
    told.say("watts", 150, psu=1)
    told.say("watts", 170, psu=2)
    told.say("watts", 90, subject="S2:9100")

    (sample,) = told.board.read(Meters(), told.now_ms)

    assert sample.columns[POWER].tolist()[::2] == [320, 90]
    assert np.isnan(sample.columns[POWER][1])
    assert sample.good is not None
    assert sample.good.tolist() == [True, False, True]


def test_the_first_rule_with_a_fresh_value_counts() -> None:
    told = Told()
    told.say("rough_watts", 100)
    told.say("watts", 150)
    assert told.column(POWER)[0] == 150

    told.now_ms += 2 * PERIOD_MS + 1
    told.say("rough_watts", 101)

    assert told.column(POWER)[0] == 101


def test_the_first_source_counts_where_two_know_the_same() -> None:
    told = Told()
    told.say("watts", 150, by="b")
    told.say("watts", 140, by="a")

    assert told.column(POWER)[0] == 140


def test_half_of_a_sum_is_no_reading() -> None:
    told = Told()
    told.say("watts", 150, psu=1)
    told.say("watts", 170, psu=2)
    told.now_ms += 2 * PERIOD_MS + 1
    told.say("watts", 150, psu=1)

    assert told.column(POWER) == []

    told.say("watts", float("nan"), psu=2)
    assert told.column(POWER)[0] == 150


def test_a_counter_is_a_rate_and_a_reset_is_none() -> None:
    told = Told()
    seen = []
    for count in (100.0, 109.0, 2.0, 7.0):
        told.say("idle_s", count)
        seen += told.column(CPU)[:1] or [None]
        told.now_ms += PERIOD_MS

    assert seen == [None, pytest.approx(0.1), None, pytest.approx(0.5)]


def test_one_reading_is_divided_by_another() -> None:
    told = Told()
    told.say("free", 25)
    assert told.column(MEMORY) == []

    told.say("total", 100)
    assert told.column(MEMORY)[0] == pytest.approx(0.75)
    told.say("total", 0, at=told.now_ms + 1)
    assert told.column(MEMORY) == []


def test_meters_are_whole_watt_seconds_of_the_site() -> None:
    told = Told()
    told.say("watts", 1)
    told.say("kwh", 2.5, subject="feed-a")
    told.say("kwh", 1, subject="feed-b")
    told.say("it_watts", 500, subject="busbar")
    before = Meters(told.now_ms - 4_000, it_ws=1_000, facility_ws=7)

    (sample,) = told.board.read(before, told.now_ms)

    assert (sample.meters.facility_ws, sample.meters.it_ws) == (12_600_000, 3_000)


def test_whatever_is_not_mapped_has_a_reason() -> None:
    told = Told()
    told.say("strange", 1)
    told.say("noise_db", 1)
    told.say("temp_a", 20, place="outlet")
    told.say("temp_b", 20, place="inlet", unit="F")
    told.say("temp_c", 20, place="inlet", unit="Cel", subject="nobody")
    told.say("watts", float("inf"))
    told.say("rough_watts", 1, at=told.now_ms + 3_600_000)
    told.say("idle_s", float("nan"))
    told.say("kwh", 1)
    told.say("kwh", 1, at=told.now_ms - 1)

    assert told.reasons() == {
        "strange": "no rule names it",
        "noise_db": "nobody needs it",
        "temp_a": "label place: expected inlet or ambient, was 'outlet'",
        "temp_b": "unit: expected Cel, was 'F'",
        "temp_c": "server unknown",
        "watts": "not finite",
        "rough_watts": "from the future",
        "idle_s": "not a number",
        "kwh": "older than the last",
    }


def test_what_no_sensor_can_mean_never_reaches_a_frame() -> None:
    told = Told()
    told.say("watts", 1e9)
    told.say("watts", 100, subject="s1")
    told.say("free", -1)
    told.say("total", 200)

    (sample,) = told.board.read(Meters(), told.now_ms)

    assert np.isnan(sample.columns[POWER][0])
    assert sample.columns[MEMORY][0] == 1.0  # rounding beyond the range is clipped


def test_a_site_is_cut_into_frames() -> None:
    told = Told(servers=12_000)
    for number in (0, 4_999, 11_999):
        told.say("watts", number, subject=f"s{number}")

    samples = told.board.read(Meters(), told.now_ms)

    assert [(one.first_server, one.count) for one in samples] == [(0, 5_000), (10_000, 2_000)]
    assert samples[1].columns[POWER][1_999] == 11_999


def test_names_and_series_without_end_are_bounded() -> None:
    told = Told()
    told.board._options = BoardOptions(3, PERIOD_MS)
    told.board._series._series_max = 2
    for number in range(5):
        told.say("watts", 1, psu=number)

    assert told.reasons() == {"watts": "too many series"}


SAID = st.lists(
    st.tuples(
        st.sampled_from(["s0", "s1", "s2", "other"]),
        st.sampled_from(["1", "2"]),
        st.floats(0, 1_000, width=32),
        st.integers(0, 5 * PERIOD_MS),
    ),
    max_size=40,
)


@settings(max_examples=80, deadline=None)
@given(SAID, st.integers(0, 6 * PERIOD_MS))
def test_the_board_is_a_dictionary_of_the_newest(
    said: list[tuple[str, str, float, int]], later_ms: int
) -> None:
    told = Told()
    newest: dict[tuple[str, str], tuple[int, float]] = {}
    for subject, psu, value, at in said:
        told.say("watts", value, subject, psu=psu, at=NOW_MS + at)
        if subject != "other" and at > newest.get((subject, psu), (-1, 0.0))[0]:
            newest[subject, psu] = (at, value)
    told.now_ms = NOW_MS + later_ms

    column = told.column(POWER) or [float("nan")] * 3

    for number in range(3):
        parts = [found for key, found in newest.items() if key[0] == f"s{number}"]
        fresh = [value for at, value in parts if at + 2 * PERIOD_MS >= later_ms]
        if parts and len(fresh) == len(parts):
            assert column[number] == pytest.approx(sum(fresh), rel=1e-6)
        else:
            assert np.isnan(column[number])


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_mappings_are_read_and_say_what_they_are_for(name: str) -> None:
    from hexi_agent.mapping.rules import shipped

    found = shipped(name)

    assert isinstance(found, MappingFile)
    assert found.about
    assert found.rules


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("rules: [{read: a}]", "expected one of metric, meter and unmapped"),
        ("rules: [{read: a, metric: speed}]", "metric: expected one of"),
        ("rules: [{read: a, meter: gas}]", "meter: expected one of"),
        ("rules: [{read: a, metric: power_w, as: watts}]", "only for a meter"),
        ("rules: [{read: a, metric: power_w, colour: red}]", "Extra inputs"),
        ("rules: [{read: a, metric: power_w, scale: .inf}]", "finite"),
        ("rules: {", "expected"),
        ("- 1", "dictionary"),
    ],
)
def test_a_wrong_mapping_says_what_is_wrong(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)

    with pytest.raises(InvalidArgument, match=reason):
        read_mappings([path], [])


def test_a_subject_rule_without_its_group_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="rack"):
        Subjects({}, [SubjectRule(pattern="(?P<host>.*)", server="{rack}")])


def test_telemetry_takes_servers_that_lack_sensors() -> None:
    from hexi_telemetry.domain.check import Bounds, Site, check_content
    from hexi_telemetry.wire.frames import parse_frame

    told = Told()
    told.say("watts", 150)
    told.say("temp_a", 21, subject="s1", place="inlet", unit="Cel")
    told.say("watts", 170, subject="s2")
    told.say("temp_a", 22, subject="s2", place="inlet", unit="Cel")
    (sample,) = told.board.read(Meters(), told.now_ms)
    head = FrameHead("lanzhou", "1", 1, 1, 1, told.now_ms, PERIOD_MS, b"")

    frame = parse_frame(frame_bytes(head, sample))

    site = Site("lanzhou", True, 1, {1: 3})
    assert check_content(frame, site, Bounds(1_000, 1_000), told.now_ms) is None
    assert frame.good is not None
    assert frame.good.tolist() == [True, False, True]
    assert np.isnan(frame.columns[INLET][0])


def test_our_ranges_are_those_of_telemetry() -> None:
    from hexi_telemetry.domain.check import PLAUSIBLE
    from hexi_telemetry.domain.frame import Metric

    for name, reading in METRICS.items():
        assert PLAUSIBLE[Metric[name.upper()]] == (reading.low, reading.high), name
    assert len(METERS) == 4
