"""Metrics by their declared names (contracts/telemetry/metrics.yaml); no other name exists."""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import hexi_contracts
import yaml
from opentelemetry import metrics
from opentelemetry.metrics import Counter, Histogram

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader

_Gauge = metrics._Gauge

_DECLARATIONS = Path(hexi_contracts.__file__).parent.parent / "telemetry" / "metrics.yaml"
_METER = "hexi"
# A tenth of the time and of the memory, where PyYAML has it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# An absent collector may not keep a process from ending in time.
_EXPORT_TIMEOUT_S = 2


@dataclass(frozen=True)
class Declaration:
    """What the contract says of one metric."""

    kind: str
    unit: str
    description: str


class UndeclaredMetricError(LookupError):
    """The name, or its kind, does not stand in metrics.yaml."""


def configure(service: str, exporter: str, listen: str = "") -> None:
    """Once per process; instruments made before are connected too.

    `listen` is where Prometheus may scrape /metrics; nowhere if empty.
    """
    if exporter == "none" and not listen:
        return
    # Not before: the SDK takes memory that a process without exporter has better use for.
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.resources import Resource

    readers = [_pushing(exporter)] if exporter != "none" else []
    if listen:
        readers.append(_scraped(listen))
    resource = Resource.create({"service.name": service})
    metrics.set_meter_provider(MeterProvider(readers, resource=resource))


def _pushing(exporter: str) -> "MetricReader":
    from opentelemetry.sdk.metrics.export import (
        ConsoleMetricExporter,
        PeriodicExportingMetricReader,
    )

    if exporter == "console":
        return PeriodicExportingMetricReader(ConsoleMetricExporter())
    # Imported by name: the exporter is an extra that most installations do without.
    otlp = import_module("opentelemetry.exporter.otlp.proto.grpc.metric_exporter")
    return PeriodicExportingMetricReader(otlp.OTLPMetricExporter(timeout=_EXPORT_TIMEOUT_S))


def _scraped(listen: str) -> "MetricReader":
    """Serves /metrics from a thread; besides our own it says what the process itself uses."""
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from prometheus_client import start_http_server

    host, _, port = listen.rpartition(":")
    reader = PrometheusMetricReader()
    start_http_server(int(port), host.strip("[]"))
    return reader


@cache
def counter(name: str) -> Counter:
    declared = _declared(name, "counter")
    meter = metrics.get_meter(_METER)
    return meter.create_counter(name, declared.unit, declared.description)


@cache
def histogram(name: str) -> Histogram:
    declared = _declared(name, "histogram")
    meter = metrics.get_meter(_METER)
    return meter.create_histogram(name, declared.unit, declared.description)


@cache
def gauge(name: str) -> _Gauge:
    declared = _declared(name, "gauge")
    return metrics.get_meter(_METER).create_gauge(name, declared.unit, declared.description)


@cache
def declarations() -> dict[str, Declaration]:
    """Every metric of the project."""
    document = yaml.load(_DECLARATIONS.read_text(encoding="utf-8"), Loader=_LOADER)
    return {
        name: Declaration(entry["kind"], entry["unit"], entry["what"])
        for name, entry in document["metrics"].items()
    }


def _declared(name: str, kind: str) -> Declaration:
    declared = declarations().get(name)
    if declared is None or declared.kind != kind:
        was = "nothing" if declared is None else f"a {declared.kind}"
        raise UndeclaredMetricError(f"{name}: expected a {kind} in metrics.yaml, was {was}")
    return declared
