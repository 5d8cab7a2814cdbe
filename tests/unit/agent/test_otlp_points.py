"""Goal: what OTLP says arrives with equal values, and each point that cannot be believed is told.
Method: the published examples, every kind of point, and mutated requests to the export verb."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest
from hexi.telemetry.v1.telemetry_pb2 import Metric
from hexi_agent.domain.physics import Meters
from hexi_agent.mapping.board import Board, BoardOptions
from hexi_agent.mapping.match import RuleBook
from hexi_agent.mapping.rules import read_mappings
from hexi_agent.mapping.subjects import Subjects
from hexi_agent.sources.http_door import NotTaken
from hexi_agent.sources.intake import AHEAD_MS_MAX, Intake
from hexi_agent.sources.otlp.export import (
    JSON,
    PROTOBUF,
    Exports,
    OtlpHttp,
    parse_json,
    parse_protobuf,
)
from hexi_agent.sources.otlp.points import PointReader
from hexi_agent.sources.otlp.totals import Totals
from hexi_agent.sources.raw import RawReading
from hexi_kit.errors import InvalidArgument, ResourceExhausted
from hexi_kit.testing.clock import ManualClock
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as service
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

DATA = Path(os.environ.get("HEXI_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
EXAMPLE, SAMPLE = DATA / "otlp" / "metrics.json", DATA / "otlp" / "otlp_sample.pb"
NOW_MS = ManualClock().now_ms()
NOW_NS = NOW_MS * 1_000_000
DELTA, CUMULATIVE = pb.AGGREGATION_TEMPORALITY_DELTA, pb.AGGREGATION_TEMPORALITY_CUMULATIVE


class World:
    """Exports into a list."""

    def __init__(self, rate: int = 0, attributes: tuple[str, ...] = ("host.name", "hw.id")) -> None:
        self.clock, self.taken = ManualClock(), list[RawReading]()
        intake = Intake("otlp", self.clock, rate)
        intake.connect(self.taken.extend)
        self.exports = Exports(PointReader("otlp", attributes), intake)

    def export(self, *metrics: pb.Metric, host: str = "n1") -> tuple[int, str]:
        request = service.ExportMetricsServiceRequest()
        part = request.resource_metrics.add()
        if host:
            part.resource.attributes.add(key="host.name").value.string_value = host
        part.scope_metrics.add().metrics.extend(metrics)
        answer = self.exports.export(request.SerializeToString(), parse_protobuf)
        return answer.partial_success.rejected_data_points, answer.partial_success.error_message

    def values(self) -> list[tuple[str, float]]:
        return [(one.name, one.value) for one in self.taken]


def sample_of(readings: list[RawReading]) -> dict[int, list[float]]:
    """The columns that the shipped rules make of them."""
    rules = [rule for file in read_mappings([]) for rule in file.rules]
    names = list(dict.fromkeys(one.subject for one in readings))
    now_ms = readings[0].at_ms
    options = BoardOptions(len(names), 10_000)
    servers = Subjects({name: place for place, name in enumerate(names)})
    board = Board(RuleBook(rules), servers, lambda: now_ms, options)
    board.take(readings)
    (sample,) = board.read(Meters(), now_ms)
    return {metric: column.tolist() for metric, column in sample.columns.items()}


def gauge(value: float, at_ns: int = NOW_NS, **more: object) -> pb.Metric:
    metric = pb.Metric(name="hw.power", unit="W")
    metric.gauge.data_points.add(as_double=value, time_unix_nano=at_ns, **more)  # type: ignore[arg-type] # what a test likes
    return metric


def growth(value: int, at_ns: int, temporality: int = DELTA) -> pb.Metric:
    metric = pb.Metric(name="hw.energy", unit="J")
    metric.sum.aggregation_temporality = temporality  # type: ignore[assignment] # also a wrong one
    metric.sum.is_monotonic = True
    metric.sum.data_points.add(as_int=value, time_unix_nano=at_ns)
    return metric


@pytest.mark.skipif(not EXAMPLE.exists(), reason="no OTLP examples: set HEXI_DATA")
def test_the_published_example_arrives_with_equal_values() -> None:
    told = json.loads(EXAMPLE.read_text())
    metrics = told["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    by_name = {
        one["name"]: (one.get("sum") or one.get("gauge") or one.get("histogram")
                      or one["exponentialHistogram"])["dataPoints"][0]
        for one in metrics
    }  # fmt: skip
    world = World(attributes=("service.name",))

    world.exports.export(EXAMPLE.read_bytes(), parse_json)

    expected = []
    for name, point in by_name.items():
        at_ms = int(point["timeUnixNano"]) // 1_000_000
        label = point["attributes"][0]
        labels = ((label["key"], label["value"]["stringValue"]),)
        values = (
            [(name, point["asDouble"])]
            if "asDouble" in point
            else [(f"{name}_count", int(point["count"])), (f"{name}_sum", point["sum"])]
        )
        expected += [
            RawReading("otlp", "my.service", name, labels, float(value), "1", at_ms)
            for name, value in values
        ]
    assert world.taken == expected
    assert len(expected) == 6


@pytest.mark.skipif(not SAMPLE.exists(), reason="no OTLP sample: set HEXI_DATA")
def test_a_sample_of_three_servers_arrives_with_equal_values() -> None:
    request = service.ExportMetricsServiceRequest.FromString(SAMPLE.read_bytes())
    world = World(attributes=("host.name", "host.id"))

    world.exports.export(SAMPLE.read_bytes(), parse_protobuf)

    expected = [
        (part.resource.attributes[0].value.string_value, metric.name, point.as_double)
        for part in request.resource_metrics
        for metric in part.scope_metrics[0].metrics
        for point in metric.gauge.data_points
    ]
    assert [(one.subject, one.name, one.value) for one in world.taken] == expected
    assert (len(expected), len({subject for subject, _, _ in expected})) == (24, 3)
    watts = [value for _, name, value in expected if name == "hw.power"]
    assert sample_of(world.taken)[Metric.METRIC_POWER_W] == watts


def test_growth_adds_up_and_growth_told_twice_counts_once() -> None:
    world = World()

    for value, at_ns in ((5, NOW_NS - 9), (7, NOW_NS - 5), (7, NOW_NS - 5), (1, NOW_NS)):
        assert world.export(growth(value, at_ns)) == (0, "")
    world.export(growth(100, NOW_NS, CUMULATIVE))

    assert [value for _, value in world.values()] == [5, 12, 13, 100]


def test_a_summary_tells_its_quantiles_by_label() -> None:
    metric = pb.Metric(name="latency")
    point = metric.summary.data_points.add(count=3, sum=1.5, time_unix_nano=NOW_NS)
    point.quantile_values.add(quantile=0.99, value=0.9)
    world = World()

    world.export(metric)

    assert world.values() == [("latency_count", 3), ("latency_sum", 1.5), ("latency", 0.9)]
    assert world.taken[2].labels == (("quantile", "0.99"),)


def test_a_series_that_is_not_recorded_any_more_has_ended() -> None:
    world = World()

    world.export(gauge(7.0, flags=pb.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK))

    assert math.isnan(world.taken[0].value)


def test_a_point_names_its_server_where_the_resource_does_not() -> None:
    metric = gauge(1.0)
    metric.gauge.data_points[0].attributes.add(key="hw.id").value.int_value = 7
    metric.gauge.data_points[0].attributes.add(key="ok").value.bool_value = True
    metric.gauge.data_points[0].attributes.add(key="list").value.array_value.values.add()
    world = World()

    world.export(metric, host="")

    assert world.taken[0].subject == "7"
    assert world.taken[0].labels == (("hw.id", "7"), ("ok", "true"))


@pytest.mark.parametrize(
    ("metric", "host", "reason"),
    [
        (gauge(1.0), "", "expected one of host.name, hw.id"),
        (gauge(1.0, 0), "n1", "expected a time"),
        (gauge(1.0, NOW_NS + (AHEAD_MS_MAX + 1) * 1_000_000), "n1", "its time is ahead of ours"),
        (gauge(1.0, 2**64 - 1), "n1", "its time is ahead of ours"),
        (gauge(math.inf), "n1", "expected a finite value"),
        (growth(1, NOW_NS, 0), "n1", "expected a temporality, delta or cumulative"),
        (pb.Metric(gauge=gauge(1.0).gauge), "n1", "expected a name"),
    ],
)
def test_a_point_that_is_wrong_is_told_and_the_others_are_taken(
    metric: pb.Metric, host: str, reason: str
) -> None:
    world = World()

    rejected, told = world.export(metric, host=host)
    world.export(gauge(3.0))

    assert (rejected, told) == (1, f"{metric.name}: {reason}")
    assert world.values() == [("hw.power", 3.0)]


def test_a_point_without_a_value_is_told() -> None:
    metric = pb.Metric(name="x")
    metric.gauge.data_points.add(time_unix_nano=NOW_NS)

    assert World().export(metric) == (1, "x: expected a value")


def test_who_sends_too_much_is_sent_away_before_it_is_read() -> None:
    world = World(rate=10)
    world.export(*[gauge(1.0)] * 20)

    with pytest.raises(ResourceExhausted) as told:
        world.exports.export(b"never read", parse_protobuf)

    assert told.value.retry_after_ms == 1_000


@pytest.mark.parametrize(
    "body",
    [b"{", b"[1]", b"\xff", b"[" * 100_000, b'{"resourceMetrics": 5}',
     b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"sum":{"dataPoints":'
     b'[{"asInt":"99999999999999999999"}]}}]}]}]}'],
)  # fmt: skip
def test_what_is_no_request_is_said_in_the_form_it_came(body: bytes) -> None:
    http = OtlpHttp(World().exports)

    with pytest.raises(InvalidArgument):
        http.receive({"Content-Type": f"{JSON}; charset=utf-8"}, body)
    with pytest.raises(NotTaken):
        http.receive({"Content-Type": "text/plain"}, body)
    said = http.refuse({"Content-Type": JSON}, 400, "why")
    assert json.loads(said.body) == {"code": 3, "message": "why"}


def test_fields_of_a_later_version_are_no_reason_to_refuse() -> None:
    http = OtlpHttp(World().exports)

    answer = http.receive({"Content-Type": JSON}, b'{"resourceMetrics": [], "later": 1}')

    assert (answer.status, json.loads(answer.body)) == (200, {})


def test_the_silent_half_of_the_sums_goes() -> None:
    totals = Totals(series_max=4)
    keys = [(f"n{number}", "x", ()) for number in range(5)]

    for at_ns, key in enumerate(keys, 1):
        totals.add(key, 1.0, at_ns)

    assert totals.add(keys[4], 1.0, 9) == 2.0
    assert totals.add(keys[3], 1.0, 9) == 2.0
    assert totals.add(keys[0], 1.0, 9) == 1.0


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_mutated_request_is_an_answer(changes: list[tuple[int, int]]) -> None:
    request = service.ExportMetricsServiceRequest()
    part = request.resource_metrics.add()
    part.resource.attributes.add(key="host.name").value.string_value = "n1"
    histogram = pb.Metric(name="h")
    histogram.histogram.aggregation_temporality = DELTA
    histogram.histogram.data_points.add(count=2, sum=3.0, time_unix_nano=NOW_NS)
    part.scope_metrics.add().metrics.extend([gauge(1.0), growth(2, NOW_NS), histogram])
    body = bytearray(request.SerializeToString())
    for at, byte in changes:
        body[at % len(body)] = byte
    http = OtlpHttp(World().exports)

    try:
        assert http.receive({"Content-Type": PROTOBUF}, bytes(body)).status == 200
    except InvalidArgument:
        return
