"""Goal: whatever a controller says, the parser ends, names what it did not take, and never raises.
Method: hypothesis with bytes, with any JSON, and with resources whose fields are any JSON; known
follies of vendors by hand."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hexi_agent.sources.findings import Finding
from hexi_agent.sources.redfish.crawl import Crawl
from hexi_agent.sources.redfish.document import BODY_BYTES_MAX, read_document
from hexi_agent.sources.redfish.parse import Parsed, parse_resource
from hexi_agent.sources.redfish.place import place_of
from hexi_agent.sources.redfish.push import reports_of
from hexi_agent.sources.redfish.raw import Whose, raw_readings
from hexi_agent.sources.redfish.report import parse_report
from hypothesis import given, settings
from hypothesis import strategies as st

NOW_MS = 1_800_000_000_000
WHOSE = Whose("s0", {"Chassis/Node1": "s1", "Chassis/Node1/Gpu": "s2"})
KEYS = st.sampled_from(
    [
        "@odata.id",
        "@odata.type",
        "Members",
        "MetricValues",
        "MetricValue",
        "MetricProperty",
        "MetricId",
        "Timestamp",
        "Reading",
        "ReadingUnits",
        "Status",
        "State",
        "Oem",
        "Nvidia",
        "PowerControl",
        "PowerConsumedWatts",
        "Events",
        "OriginOfCondition",
        "Chassis",
        "Sensors",
    ]
) | st.text(max_size=4)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "/redfish/v1/Chassis/1/Sensors/x",
            "#Sensor.v1_6_0.Sensor",
            "#ChassisCollection.ChassisCollection",
            "#Power.v1_7_1.Power",
            "1e999",
            "2026-02-30T00:00:00Z",
            "0001-01-01T00:00:00+14:00",
            10**400,
            "9" * 100,
        ]
    )
)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)
DOCUMENTS = st.dictionaries(KEYS, ANY_JSON, max_size=8)


def everything(document: dict[str, Any]) -> list[Parsed]:
    """All that is ever done with a document of theirs."""
    crawl = Crawl(("sensors", "power", "reports"))
    crawl.learn("/redfish/v1/", document)
    assert all(path.startswith("/redfish/v1/") for path in [*crawl.todo, *crawl.plan])
    reports_of(document)
    found = [parse_resource(document), parse_report(document)]
    for parsed in found:
        for raw in raw_readings(parsed, WHOSE, NOW_MS):
            assert math.isfinite(raw.value)
            assert raw.at_ms <= NOW_MS
            assert raw.subject in ("s0", "s1", "s2")
    return found


@given(st.binary(max_size=200) | ANY_JSON.map(lambda node: json.dumps(node).encode()))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_an_object_or_a_finding(body: bytes) -> None:
    document = read_document(body, "x")

    if isinstance(document, Finding):
        assert document.kind
        assert document.reason
    else:
        everything(document)


@given(DOCUMENTS)
@settings(max_examples=100, deadline=None)
def test_no_object_makes_it_raise(document: dict[str, Any]) -> None:
    for parsed in everything(document):
        assert all(aside.reason for aside in parsed.set_aside)
        assert len(parsed.findings) <= 101


@given(st.text(max_size=60))
def test_any_text_is_a_place(path: str) -> None:
    assert place_of(path).resource is not None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "not-json"),
        (b"<html>", "not-json"),
        (b"\xff\xfe", "not-json"),
        (b"[1]", "not-an-object"),
        (b"null", "not-an-object"),
        (b'{"a": NaN}', "not-json"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "not-json"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "too-deep"),
        (b"[" * 200_000, "not-json"),
        (b" " * (BODY_BYTES_MAX + 1), "too-large"),
    ],
)
def test_a_body_that_is_none_is_a_finding(body: bytes, kind: str) -> None:
    document = read_document(body, "x")

    assert isinstance(document, Finding)
    assert document.kind == kind


def sensor(**more: Any) -> dict[str, Any]:
    start = "/redfish/v1/Chassis/1/Sensors/"
    return {"@odata.type": "#Sensor.v1_6_0.Sensor", "@odata.id": f"{start}Inlet"} | more


def test_a_number_in_quotes_is_taken_and_told() -> None:
    parsed = parse_resource(sensor(Reading="22.5", ReadingUnits="Cel"))

    assert [(one.name, one.value, one.unit) for one in parsed.readings] == [
        ("Sensor/Temperature", 22.5, "Cel")
    ]
    assert [one.kind for one in parsed.findings] == ["number-in-quotes"]


@pytest.mark.parametrize("wrong", [True, "abc", {"Value": 1}, [[]], "nan", "-inf", 10**400])
def test_what_is_no_number_is_no_reading(wrong: object) -> None:
    parsed = parse_resource(sensor(Reading=wrong, ReadingUnits="Cel"))

    assert not [one for one in parsed.readings if one.name.startswith("Sensor/T")]
    assert {one.kind for one in parsed.findings} <= {"not-a-number"}


def test_a_sensor_that_is_not_there_has_no_reading_though_it_says_0() -> None:
    parsed = parse_resource(sensor(Reading=0, ReadingUnits="Cel", Status={"State": "Absent"}))

    assert not parsed.readings
    assert [one.reason for one in parsed.set_aside] == ["the part is Absent"]


def test_how_far_a_sensor_is_from_its_limit_is_no_temperature() -> None:
    parsed = parse_resource(sensor(Reading=58, ReadingUnits="Cel", ReadingBasis="Headroom"))

    assert not parsed.readings
    assert "distance" in parsed.set_aside[0].reason


def test_members_that_come_whole_are_not_asked_for_one_by_one() -> None:
    crawl, path = Crawl(("sensors",)), "/redfish/v1/Chassis/1/Sensors"
    whole = {"@odata.type": "#SensorCollection", "Members": [sensor(Reading=1)]}

    crawl.learn(path, whole)

    assert crawl.plan == [path]


def test_members_of_an_expanded_collection_are_taken_once() -> None:
    members = [sensor(Reading=1, ReadingType="Power"), sensor(Reading=2, ReadingType="Power")]

    parsed = parse_resource({"@odata.type": "#SensorCollection", "Members": members})

    assert [(one.name, one.value) for one in parsed.readings] == [("Sensor/Power", 1)]
    assert [one.kind for one in parsed.findings] == ["duplicate"]


def value(number: object, at: str = "2027-01-15T08:00:00Z", **more: object) -> dict[str, object]:
    path = "/redfish/v1/Systems/1/Processors/GPU_3/ProcessorMetrics#/CoreMetrics/7/Load"
    return {"MetricProperty": path, "MetricValue": number, "Timestamp": at} | more


def test_a_report_names_what_the_resource_itself_would() -> None:
    parsed = parse_report({"MetricValues": [value("7.5"), value("7.5"), value("8", "")]})

    reading = parsed.readings[0]
    assert reading.name == "ProcessorMetrics/CoreMetrics/Load"
    assert dict(reading.labels)["part"] == "GPU_3"
    assert dict(reading.labels)["index"] == "7"
    assert len(parsed.readings) == 2
    assert [one.kind for one in parsed.findings] == ["duplicate"]


def test_one_name_of_many_sensors_is_told_apart_by_what_it_is_of() -> None:
    of = [
        {"MetricId": "TemperatureReading", "MetricValue": "25", "Oem": {"Dell": {"ContextID": one}}}
        for one in ("iDRAC.Embedded.1#SystemBoardInletTemp", "iDRAC.Embedded.1#CPU1Temp")
    ]

    parsed = parse_report({"MetricValues": of})

    assert not parsed.findings
    assert [dict(one.labels)["context"][17:] for one in parsed.readings] == [
        "SystemBoardInletTemp",
        "CPU1Temp",
    ]


def test_what_a_controller_calls_stale_is_set_aside() -> None:
    parsed = parse_report({"MetricValues": [value("1", Oem={"N": {"MetricValueStale": True}})]})

    assert not parsed.readings
    assert "stale" in parsed.set_aside[0].reason


@pytest.mark.parametrize(
    ("at", "skew_ms", "expected_ms"),
    [
        ("2027-01-15T08:00:00Z", 0, NOW_MS),
        ("2027-01-15T15:59:00+08:00", 0, NOW_MS - 60_000),
        ("2027-01-15T08:00:30", 0, NOW_MS),
        ("1970-01-01T00:00:05Z", NOW_MS, NOW_MS),
        ("1970-01-01T00:00:05Z", 0, None),
        ("2027-01-15T08:02:00Z", 0, None),
        ("yesterday", 0, None),
    ],
)
def test_the_time_of_a_controller_is_made_ours_or_refused(
    at: str, skew_ms: int, expected_ms: int | None
) -> None:
    parsed = parse_report({"MetricValues": [value("1", at)]})

    found = [one.at_ms for one in raw_readings(parsed, WHOSE, NOW_MS, skew_ms)]

    assert found == ([] if expected_ms is None else [expected_ms])
    assert [one.kind for one in parsed.findings] == (["clock"] if expected_ms is None else [])


def test_a_part_of_a_shared_controller_is_the_server_with_the_longest_path() -> None:
    assert WHOSE.of("Chassis/Node1/Gpu/Sensors/a") == "s2"
    assert WHOSE.of("Chassis/Node1/Power") == "s1"
    assert WHOSE.of("Chassis/Node10/Power") == "s0"


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere/redfish/v1/Chassis",
        "//elsewhere/redfish/v1",
        "/redfish/v1/../../etc",
        "/redfish/v1/Chassis/a b",
        "/redfish/v1/%2e%2e/x",
        "/metrics",
        "/redfish/v1/" + "x" * 600,
    ],
)
def test_a_link_out_of_the_tree_is_not_followed(link: str) -> None:
    crawl = Crawl(("sensors",))

    crawl.learn("/redfish/v1/", {"@odata.type": "#ServiceRoot", "Chassis": {"@odata.id": link}})

    assert not crawl.todo
    assert [one.kind for one in crawl.findings] == ["foreign-link"]
