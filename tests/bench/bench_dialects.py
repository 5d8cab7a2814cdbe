"""How many readings a second one core takes in, by dialect, from bytes to what the board is handed.

The page is a machine of 64 processors as its exporter tells it; SECONDS a figure.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from google.protobuf import json_format
from hexi.agent.v1 import remote_write_pb2
from hexi_agent.sources.openmetrics.page import OPENMETRICS, TEXT, Labels, PageReader
from hexi_agent.sources.otlp.export import parse_json, parse_protobuf
from hexi_agent.sources.otlp.points import PointReader
from hexi_agent.sources.remote_write.series import readings_of, series_of_1
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2

from tests.bench.figures import show

SECONDS = float(os.environ.get("SECONDS", "1.0"))
MODES = ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")
NAME, CPUS = "node_cpu_seconds_total", 64
NOW_MS = 1_800_000_000_000


def page() -> bytes:
    lines = [f"# TYPE {NAME.removesuffix('_total')} counter"]
    lines += [
        f'{NAME}{{cpu="{cpu}",mode="{mode}"}} {cpu * 1000.25}'
        for cpu in range(CPUS)
        for mode in MODES
    ]
    return ("\n".join(lines) + "\n").encode()


def otlp() -> metrics_service_pb2.ExportMetricsServiceRequest:
    request = metrics_service_pb2.ExportMetricsServiceRequest()
    part = request.resource_metrics.add()
    part.resource.attributes.add(key="host.name").value.string_value = "n1"
    metric = part.scope_metrics.add().metrics.add(name="system.cpu.time", unit="s")
    metric.sum.aggregation_temporality = 2
    for cpu in range(CPUS):
        for mode in MODES:
            point = metric.sum.data_points.add(
                as_double=cpu * 1000.25, time_unix_nano=NOW_MS * 1_000_000
            )
            point.attributes.add(key="cpu").value.int_value = cpu
            point.attributes.add(key="state").value.string_value = mode
    return request


def written() -> bytes:
    request = remote_write_pb2.WriteRequest()
    for cpu in range(CPUS):
        for mode in MODES:
            series = request.timeseries.add()
            labels = {"__name__": NAME, "cpu": str(cpu), "instance": "n1:9100", "mode": mode}
            for name, value in labels.items():
                series.labels.add(name=name, value=value)
            series.samples.add(value=cpu * 1000.25, timestamp=NOW_MS)
    return request.SerializeToString()


def measure(name: str, once: Callable[[], object]) -> None:
    """By the processor's time, so that neighbours do not count."""
    once()
    rounds, began_s = 0, time.process_time()
    while time.process_time() - began_s < SECONDS:
        once()
        rounds += 1
    elapsed_s = time.process_time() - began_s
    show(f"dialects.{name}", rounds * CPUS * len(MODES) / elapsed_s, "reading/s")


def is_idle(_: str, labels: Labels) -> bool:
    return ("mode", "idle") in labels


def main() -> None:
    text = page()
    strict = text + b"# EOF\n"
    warm, choosy = PageReader(), PageReader(is_idle)
    measure("text.first", lambda: PageReader().read(text, TEXT))
    measure("text.known", lambda: warm.read(text, TEXT))
    measure("text.known-eighth-wanted", lambda: choosy.read(text, TEXT))
    measure("openmetrics", lambda: warm.read(strict, OPENMETRICS))
    request, reader = otlp(), PointReader("otlp", ("host.name",))
    body, json = request.SerializeToString(), json_format.MessageToJson(request).encode()
    measure("otlp.protobuf", lambda: reader.read(parse_protobuf(body), NOW_MS))
    measure("otlp.json", lambda: reader.read(parse_json(json), NOW_MS))
    write = written()
    measure("remote-write", lambda: readings_of("rw", ("instance",), series_of_1(write)))


if __name__ == "__main__":
    main()
