"""Data points of OTLP as readings, each point judged for itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2

from hexi_agent.sources.otlp.totals import Totals
from hexi_agent.sources.raw import RawReading

NS_PER_MS = 1_000_000
LABEL_CHARS_MAX = 1_000
DELTA = metrics_pb2.AGGREGATION_TEMPORALITY_DELTA
CUMULATIVE = metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
NOT_RECORDED = metrics_pb2.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
NAN = float("nan")

Labels = tuple[tuple[str, str], ...]
# One of the four kinds of data points, which share their time, flags and attributes.
Point = Any


class Told(NamedTuple):
    """`rejected` counts data points; `reason` is what was wrong with the first of them."""

    readings: list[RawReading]
    rejected: int
    reason: str


class _Number(NamedTuple):
    """One number of a data point, which may have several."""

    name: str
    value: float
    more: Labels = ()


class _WrongError(ValueError):
    """This data point is not believed."""


class PointReader:
    """One per source: it remembers where sums stand that tell only their growth."""

    def __init__(self, source: str, server_attributes: Sequence[str]) -> None:
        self._source, self._attributes = source, server_attributes
        self._totals = Totals()

    def read(self, request: ExportMetricsServiceRequest, latest_ms: int) -> Told:
        """Nothing later than `latest_ms` is believed."""
        readings: list[RawReading] = []
        rejected, reason = 0, ""
        for part in request.resource_metrics:
            server = self._server(_labels(part.resource.attributes))
            for metric in (one for scope in part.scope_metrics for one in scope.metrics):
                for point in _points(metric):
                    try:
                        readings += self._read(metric, point, server, latest_ms)
                    except _WrongError as error:
                        rejected += 1
                        reason = reason or f"{metric.name[:80]}: {error}"
        return Told(readings, rejected, reason)

    def _read(
        self, metric: metrics_pb2.Metric, point: Point, server: str, latest_ms: int
    ) -> list[RawReading]:
        labels, at_ns = _labels(point.attributes), point.time_unix_nano
        subject = server or self._server(labels)
        if not subject:
            raise _WrongError(f"expected one of {', '.join(self._attributes)}")
        if not 0 < at_ns // NS_PER_MS <= latest_ms:
            raise _WrongError("its time is ahead of ours" if at_ns else "expected a time")
        readings = []
        is_delta = _is_delta(metric)
        for name, value, more in _numbers(metric, point):
            if math.isinf(value):
                raise _WrongError("expected a finite value")
            marks = tuple(sorted(labels + more)) if more else labels
            stands = self._totals.add((subject, name, marks), value, at_ns) if is_delta else value
            if stands is not None:
                readings.append(
                    RawReading(
                        self._source, subject, name, marks, stands, metric.unit, at_ns // NS_PER_MS
                    )
                )
        return readings

    def _server(self, labels: Labels) -> str:
        found = dict(labels)
        return next((found[name] for name in self._attributes if found.get(name)), "")


def _points(metric: metrics_pb2.Metric) -> Sequence[Point]:
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind else ()


def _is_delta(metric: metrics_pb2.Metric) -> bool:
    data = getattr(metric, metric.WhichOneof("data") or "gauge")
    temporality = getattr(data, "aggregation_temporality", CUMULATIVE)
    if temporality not in (DELTA, CUMULATIVE):
        raise _WrongError("expected a temporality, delta or cumulative")
    return bool(temporality == DELTA)


def _numbers(metric: metrics_pb2.Metric, point: Point) -> Iterator[_Number]:
    """A distribution is told by its count and sum; buckets are nobody's reading."""
    name = metric.name
    if not name:
        raise _WrongError("expected a name")
    is_recorded = not point.flags & NOT_RECORDED
    if isinstance(point, metrics_pb2.NumberDataPoint):
        yield _Number(name, _value(point) if is_recorded else NAN)
        return
    yield _Number(f"{name}_count", float(point.count) if is_recorded else NAN)
    is_summary = isinstance(point, metrics_pb2.SummaryDataPoint)
    if is_summary or point.HasField("sum"):
        yield _Number(f"{name}_sum", point.sum if is_recorded else NAN)
    if is_summary and is_recorded:
        for one in point.quantile_values:
            yield _Number(name, one.value, (("quantile", repr(one.quantile)),))


def _value(point: metrics_pb2.NumberDataPoint) -> float:
    match point.WhichOneof("value"):
        case "as_double":
            return point.as_double
        case "as_int":
            return float(point.as_int)
    raise _WrongError("expected a value")


def _labels(attributes: Iterable[KeyValue]) -> Labels:
    """Lists and maps say nothing that a mapping could ask for."""
    found = []
    for one in attributes:
        kind = one.value.WhichOneof("value")
        if kind in ("string_value", "int_value", "double_value"):
            found.append((one.key, str(getattr(one.value, kind))[:LABEL_CHARS_MAX]))
        elif kind == "bool_value":
            found.append((one.key, "true" if one.value.bool_value else "false"))
    return tuple(sorted(found))
