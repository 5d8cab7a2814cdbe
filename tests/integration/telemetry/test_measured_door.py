"""Goal: what the door does can be seen: silence in the ledger, a quota told, figures on /metrics.

Method: one process with a small quota; a scraper reads the page as Prometheus would.
"""

from __future__ import annotations

import asyncio
import contextlib
import urllib.request

import grpc
import pytest
from hexi.telemetry.v1 import telemetry_pb2
from hexi.telemetry.v1 import telemetry_service_pb2 as rpc
from hexi_kit.errors import ResourceExhausted
from hexi_kit.rpc.status import from_rpc_error
from hexi_local.network import free_ports
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.integration
BURST = 8


async def scraped(address: str) -> dict[str, float]:
    """Every sample of the page, summed over its labels but for the buckets."""

    def read() -> str:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as page:
            return page.read().decode()

    found: dict[str, float] = {}
    for family in text_string_to_metric_families(await asyncio.to_thread(read)):
        for sample in family.samples:
            name = sample.name + sample.labels.get("le", "")
            found[name] = found.get(name, 0) + sample.value
    return found


async def test_silence_quota_and_figures(world) -> None:
    page = f"127.0.0.1:{free_ports(1)[0]}"
    quota = {
        "HEXI_TELEMETRY_SITE_FRAMES_PER_S": str(BURST),
        "HEXI_TELEMETRY_SITE_BURST_FRAMES": str(BURST),
    }
    await world.publish_site()
    await world.start(HEXI_METRICS_LISTEN=page, **quota)
    maker = world.maker()
    session = await world.open(maker)
    start_ms = maker.now_ms
    await session.push(maker.frame(), maker.frame(observed_at_ms=start_ms + 40_000))

    answer = await world.stub().ListGaps(rpc.ListGapsRequest(site_id=world.site), timeout=10)
    (gap,) = answer.gaps
    assert gap.cause == telemetry_pb2.GAP_CAUSE_SILENT
    assert (gap.first_sequence, gap.last_sequence) == (2, 1)
    assert (gap.from_ms, gap.to_ms) == (start_ms, start_ms + 30_000)

    flood = [maker.frame(observed_at_ms=start_ms + 40_000) for _ in range(3 * BURST)]
    refused = await told_to_wait(session, flood)
    assert 1_000 < refused.retry_after_ms < 60_000
    while left := await undecided(world, flood):
        # Whoever comes back when he was told to gets everything through.
        session = await world.open(maker)
        with contextlib.suppress(grpc.aio.AioRpcError, ConnectionError):
            await session.push(*left[:BURST])

    figures = await scraped(page)
    assert figures["telemetry_frames_accepted_total"] == 2 + 3 * BURST
    assert figures["telemetry_gaps_recorded_total"] == 1
    assert figures["telemetry_quota_refusals_total"] >= 1
    waits = "telemetry_ack_ms_milliseconds"
    assert figures[f"{waits}_bucket+Inf"] == figures[f"{waits}_count"] == 2 + 3 * BURST
    assert figures["process_cpu_seconds_total"] > 0
    # The kit tells of every service: frames and a gap went out, a site and its servers came in.
    assert figures["kafka_records_produced_total"] > 2 + 3 * BURST
    assert figures["kafka_records_consumed_total"] >= 2
    assert figures["db_transactions_total"] > 0


async def told_to_wait(session, frames: list) -> ResourceExhausted:
    for frame in frames:
        await session.call.write(rpc.PushFramesRequest(frame=frame))
    try:
        while await session.call.read() is not grpc.aio.EOF:
            continue
        trailing = await session.call.trailing_metadata()
        code, details = await session.call.code(), await session.call.details()
        raise grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, details)
    except grpc.aio.AioRpcError as error:
        found = from_rpc_error(error)
        assert isinstance(found, ResourceExhausted)
        return found


async def undecided(world, frames: list) -> list:
    through = (await world.status()).decided_through
    return [f for f in frames if telemetry_pb2.Frame.FromString(f.frame).sequence > through]
