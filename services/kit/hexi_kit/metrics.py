"""Metrics by their declared names (contracts/telemetry/metrics.yaml); no other name exists."""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import hexi_contracts
import yaml
from opentelemetry import metrics
from opentelemetry.metrics import Counter, Histogram

_Gauge = metrics._Gauge

_DECLARATIONS = Path(hexi_contracts.__file__).parent.parent / "telemetry" / "metrics.yaml"
_METER = "hexi"
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


def configure(service: str, exporter: str) -> None:
    """Once per process; instruments made before are connected too."""
    if exporter == "none":
        return
    # Not before: the SDK takes memory that a process without exporter has better use for.
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import (
        ConsoleMetricExporter,
        PeriodicExportingMetricReader,
    )
    from opentelemetry.sdk.resources import Resource

    if exporter == "console":
        reader = PeriodicExportingMetricReader(ConsoleMetricExporter())
    else:
        # Imported by name: the exporter is an extra that most installations do without.
        otlp = import_module("opentelemetry.exporter.otlp.proto.grpc.metric_exporter")
        reader = PeriodicExportingMetricReader(otlp.OTLPMetricExporter(timeout=_EXPORT_TIMEOUT_S))
    resource = Resource.create({"service.name": service})
    metrics.set_meter_provider(MeterProvider([reader], resource=resource))


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
    document = yaml.safe_load(_DECLARATIONS.read_text(encoding="utf-8"))
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
