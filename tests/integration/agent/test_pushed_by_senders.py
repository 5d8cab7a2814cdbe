"""Goal: what real senders push arrives with equal values, and they learn what was not taken.
Method: OpenTelemetry's exporters, and Debian's Prometheus where it is (./task test:exporter)."""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from aiohttp import web
from hexi_agent.sources.otlp.options import OtlpOptions
from hexi_agent.sources.otlp.source import OtlpSource
from hexi_agent.sources.remote_write.options import RemoteWriteOptions
from hexi_agent.sources.remote_write.source import RemoteWriteSource
from hexi_agent.testing.collected import Collected
from hexi_kit.clock import SystemClock
from hexi_kit.errors import InvalidArgument, ResourceExhausted, Unauthenticated
from hexi_kit.rpc.status import from_rpc_error
from hexi_kit.testing.pki import Pki
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (
    OTLPMetricExporter as GrpcExporter,
)
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
    OTLPMetricExporter as HttpExporter,
)
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as service
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

ANY_PORT = {"listen": "127.0.0.1:0"}
EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
PROMETHEUS = shutil.which("prometheus", path=os.environ.get("HEXI_PROMETHEUS_BIN"))
SCRAPE = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: hall
    static_configs: [{{targets: ["127.0.0.1:{exporter}"]}}]
remote_write:
  - url: http://127.0.0.1:{receiver}/api/v1/write
    queue_config: {{batch_send_deadline: 100ms, retry_on_http_429: true}}
"""


@asynccontextmanager
async def otlp(**options: Any) -> AsyncIterator[tuple[OtlpSource, Collected]]:
    told = {"grpc": ANY_PORT, "http": ANY_PORT, **options}
    source, collected = OtlpSource(OtlpOptions.model_validate(told), SystemClock()), Collected()
    await source.open(collected.take)
    try:
        yield source, collected
    finally:
        await source.close()


def measure(exporter: MetricExporter) -> bool:
    """What a program does that is measured; whether it was told that all went well."""
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=math.inf)
    provider = MeterProvider([reader], resource=Resource({"host.name": "node7"}))
    meter = provider.get_meter("hall")
    meter.create_gauge("hw.power", "W").set(412.5, {"hw.type": "enclosure"})
    meter.create_counter("hw.energy", "J").add(7)
    for value in (0.25, 0.5):
        meter.create_histogram("wait", "s").record(value)
    is_told = provider.force_flush(5_000)
    provider.shutdown()
    return is_told


def seen(collected: Collected) -> set[tuple[str, str, float, str]]:
    return {(one.subject, one.name, one.value, one.unit) for one in collected.readings}


EXPECTED = {
    ("node7", "hw.power", 412.5, "W"),
    ("node7", "hw.energy", 7.0, "J"),
    ("node7", "wait_count", 2.0, "s"),
    ("node7", "wait_sum", 0.75, "s"),
}


@pytest.mark.parametrize("is_packed", [False, True])
async def test_opentelemetrys_exporters_are_understood(is_packed: bool) -> None:
    packed = Compression.Gzip if is_packed else Compression.NoCompression
    grpc_packed = grpc.Compression.Gzip if is_packed else grpc.Compression.NoCompression
    async with otlp() as (source, collected):
        http = HttpExporter(f"http://127.0.0.1:{source.http_port}/v1/metrics", compression=packed)
        await asyncio.to_thread(measure, http)
        by_http, collected.readings = seen(collected), []
        endpoint = f"127.0.0.1:{source.grpc_port}"
        by_grpc = GrpcExporter(endpoint, insecure=True, compression=grpc_packed)
        await asyncio.to_thread(measure, by_grpc)

    assert by_http == EXPECTED
    assert seen(collected) == EXPECTED


async def test_only_who_is_known_pushes_over_mutual_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What this machine trusts would be preferred to what the exporter is told.
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    pki = Pki(tmp_path)
    served, known = pki.service("receiver"), pki.service("sender")
    token = tmp_path / "token"
    token.write_text("sesame")
    tls = {
        "certificate": served.cert_path,
        "private_key": served.key_path,
        "client_authority": served.ca_path,
    }
    door = {"listen": "127.0.0.1:0", "tls": tls, "bearer_file": token}
    async with otlp(grpc=door, http=door) as (source, collected):
        http = HttpExporter(
            f"https://localhost:{source.http_port}/v1/metrics",
            certificate_file=str(served.ca_path),
            client_certificate_file=str(known.cert_path),
            client_key_file=str(known.key_path),
            headers={"Authorization": "Bearer sesame"},
        )
        await asyncio.to_thread(measure, http)
        arrived = seen(collected)
        ca = served.ca_path.read_bytes()
        pair = known.key_path.read_bytes(), known.cert_path.read_bytes()
        errors = [
            await refusal(source.grpc_port, grpc.ssl_channel_credentials(ca, *pair), b""),
            await refusal(source.grpc_port, grpc.ssl_channel_credentials(ca), b""),
        ]

    assert arrived == EXPECTED
    assert isinstance(errors[0], Unauthenticated)
    assert "UNAVAILABLE" in str(errors[1])


async def refusal(port: int, credentials: grpc.ChannelCredentials | None, body: bytes) -> object:
    """What this request is told, as our own error; None where all is taken."""
    async with (
        grpc.aio.secure_channel(f"localhost:{port}", credentials)
        if credentials is not None
        else grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    ) as channel:
        try:
            await channel.unary_unary(EXPORT)(body, timeout=10)
        except grpc.RpcError as error:
            return from_rpc_error(error)
    return None


async def test_a_flood_is_told_when_to_come_back() -> None:
    request = service.ExportMetricsServiceRequest()
    part = request.resource_metrics.add()
    part.resource.attributes.add(key="host.name").value.string_value = "n1"
    metric = part.scope_metrics.add().metrics.add(name="x")
    at_ns = SystemClock().now_ms() * 1_000_000
    for _ in range(50):
        metric.gauge.data_points.add(as_double=1.0, time_unix_nano=at_ns)
    body = request.SerializeToString()
    async with otlp(readings_per_s_max=10) as (source, collected):
        told = [await refusal(source.grpc_port, None, one) for one in (b"\xff", body, body)]

    assert isinstance(told[0], InvalidArgument)
    assert told[1] is None
    assert isinstance(told[2], ResourceExhausted)
    assert 2_000 < told[2].retry_after_ms <= 4_000
    assert len(collected.readings) == 50


@pytest.mark.skipif(PROMETHEUS is None, reason="no prometheus: ./task test:exporter")
async def test_a_real_prometheus_pushes_and_tells_that_a_series_has_ended(tmp_path: Path) -> None:
    page = ["hall_power_watts 412.5\n"]

    async def exporter(_: web.Request) -> web.Response:
        return web.Response(text=page[0])

    app = web.Application()
    app.router.add_get("/metrics", exporter)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    options = RemoteWriteOptions.model_validate({"http": ANY_PORT})
    source, collected = RemoteWriteSource(options, SystemClock()), Collected()
    await source.open(collected.take)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "prometheus.yml"
    config.write_text(SCRAPE.format(exporter=runner.addresses[0][1], receiver=source.port))
    process = await asyncio.create_subprocess_exec(
        str(PROMETHEUS),
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path}",
        f"--web.listen-address=127.0.0.1:{port}",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await collected.until(lambda: len(collected.named("hall_power_watts")) >= 3)
        page[0] = "hall_fans 3\n"
        await collected.until(lambda: math.isnan(collected.named("hall_power_watts")[-1]))
        await collected.until(lambda: bool(collected.named("hall_fans")))
    finally:
        process.kill()
        await process.wait()
        await source.close()
        await runner.cleanup()

    assert set(collected.named("hall_power_watts")[:3]) == {412.5}
    assert set(collected.named("up", "127.0.0.1")) == {1.0}
    assert set(collected.named("hall_fans")) == {3.0}
