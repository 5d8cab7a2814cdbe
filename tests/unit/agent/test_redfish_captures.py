"""Goal: every number of real controllers is mapped, or named with the reason why not. Method: count
the numbers of the captures ourselves, then ask the parser and the shipped mapping for each."""

from __future__ import annotations

import json
import os
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hexi_agent.mapping.match import NO_RULE, RuleBook
from hexi_agent.mapping.rules import shipped
from hexi_agent.sources.redfish.document import read_document
from hexi_agent.sources.redfish.parse import Parsed, parse_resource
from hexi_agent.sources.redfish.report import parse_report

BESIDE = Path(__file__).resolve().parents[4] / "shared" / "data"
CAPTURES = Path(os.environ.get("HEXI_DATA", BESIDE)) / "redfish"
needs_captures = pytest.mark.skipif(
    not CAPTURES.exists(), reason="the captures are not here: set HEXI_DATA to their folder"
)


def captures() -> Iterator[tuple[str, bytes]]:
    for path in sorted(CAPTURES.glob("*/*.json")):
        yield path.name, path.read_bytes()
    for archive in sorted(CAPTURES.glob("*.tar.gz")):
        with tarfile.open(archive) as tar:
            for one in tar:
                file = tar.extractfile(one) if one.name.endswith(".json") else None
                if file is not None:
                    yield one.name, file.read()


def numbers(node: Any, key: str = "") -> int:
    """JSON's numbers, and a report's values, which are numbers in quotes."""
    if isinstance(node, dict):
        return sum(numbers(child, name) for name, child in node.items())
    if isinstance(node, list):
        return sum(numbers(child, key) for child in node)
    if isinstance(node, str):
        return int(key == "MetricValue" and node.replace(".", "", 1).isdigit())
    return int(isinstance(node, int | float) and not isinstance(node, bool))


def parsed(body: bytes) -> Parsed:
    document = read_document(body, "capture")
    assert isinstance(document, dict)
    return parse_report(document) if "MetricValues" in document else parse_resource(document)


@needs_captures
def test_each_number_of_the_captures_is_mapped_or_named() -> None:
    book = RuleBook(shipped("redfish").rules)
    outcome = Counter[str]()
    metrics = Counter[str]()
    for name, body in captures():
        found = parsed(body)
        wanted = numbers(json.loads(body))
        assert len(found.readings) + len(found.set_aside) == wanted, name
        assert not found.findings, name
        for aside in found.set_aside:
            assert aside.reason, aside
        for reading in found.readings:
            match = book.match(reading.name, reading.labels, reading.unit)
            outcome["mapped" if match.feeds else match.reason] += 1
            metrics.update(book.rules[feed.rule].metric for feed in match.feeds[:1])

    assert outcome[NO_RULE] == 0
    assert not [reason for reason in outcome if "expected" in reason], outcome
    assert outcome["mapped"] >= 90
    assert set(metrics) == {
        "power_w",
        "inlet_temperature_c",
        "outlet_temperature_c",
        "cpu_temperature_c",
        "cpu_utilisation",
        "accelerator_temperature_c",
        "accelerator_power_w",
        "accelerator_utilisation",
        "fan_speed_rpm",
    }


@needs_captures
@pytest.mark.parametrize(
    ("capture", "metric", "values"),
    [
        ("HGX_PlatformEnvironmentMetrics", "accelerator_temperature_c", [32.84375, 33.34375]),
        ("1_Power", "power_w", [565]),
        ("1_Power", "accelerator_power_w", [135]),
        ("__redfish_v1_TelemetryService_MetricReports_PlatformE", "power_w", [1361.533741]),
        ("CPUUtilCustom1", "cpu_utilisation", [0.0, 4.0]),
    ],
)
def test_what_the_first_rule_takes_of(capture: str, metric: str, values: list[float]) -> None:
    """The lowest and the highest of what feeds the preferred rule of a metric."""
    book = RuleBook(shipped("redfish").rules)
    taken: dict[int, list[float]] = {}
    for name, body in captures():
        for reading in parsed(body).readings if capture in name else ():
            for feed in book.match(reading.name, reading.labels, reading.unit).feeds:
                if book.rules[feed.rule].metric == metric:
                    taken.setdefault(feed.rule, []).append(reading.value)

    first = taken[min(taken)]

    assert sorted({min(first), max(first)}) == values


@needs_captures
def test_a_sensor_with_nothing_to_say_is_no_reading() -> None:
    body = next(
        b for n, b in captures() if n.endswith("MetricReports_PlatformEnvironmentMetrics_0.json")
    )

    silent = [one.name for one in parsed(body).readings if one.value != one.value]

    assert body.count(b'"nan"') == 8
    assert not silent
