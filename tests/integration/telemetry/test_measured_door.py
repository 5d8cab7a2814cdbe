"""Goal: what the door does can be seen: silence in the ledger, a quota told, figures on /metrics.

Method: one process with a small quota; a scraper reads the page as Prometheus would.
"""

from __future__ import annotations

import asyncio
import contextlib
import urllib.request
from collections.abc import Callable

import grpc
import pytest
from hexi.telemetry.v1 import telemetry_pb2
from hexi.telemetry.v1 import telemetry_service_pb2 as rpc
from hexi_kit.errors import ResourceExhausted
from hexi_kit.rpc.status import from_rpc_error
from hexi_local.network import free_ports
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.integration
FRAMES_PER_S, BURST = 2, 8


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
        "HEXI_TELEMETRY_SITE_FRAMES_PER_S": str(FRAMES_PER_S),
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

    flood, refused = await until_told_to_wait(
        session, lambda: maker.frame(observed_at_ms=start_ms + 40_000)
    )
    assert 1_000 < refused.retry_after_ms < 60_000
    flood += [maker.frame(observed_at_ms=start_ms + 40_000) for _ in range(BURST // 2)]
    while left := await undecided(world, flood):
        # Whoever comes back when he was told to gets everything through.
        session = await world.open(maker)
        with contextlib.suppress(grpc.aio.AioRpcError, ConnectionError):
            await session.push(left[0])

    figures = await scraped(page)
    assert figures["telemetry_frames_accepted_total"] == 2 + len(flood)
    assert figures["telemetry_gaps_recorded_total"] == 1
    assert figures["telemetry_quota_refusals_total"] >= 1
    waits = "telemetry_ack_ms_milliseconds"
    assert figures[f"{waits}_bucket+Inf"] == figures[f"{waits}_count"] == 2 + len(flood)
    assert figures["process_cpu_seconds_total"] > 0
    # The kit tells of every service: frames and a gap went out, a site and its servers came in.
    assert figures["kafka_records_produced_total"] > 2 + len(flood)
    assert figures["kafka_records_consumed_total"] >= 2
    assert figures["db_transactions_total"] > 0


async def until_told_to_wait(session, more: Callable) -> tuple[list, ResourceExhausted]:
    """Push one frame after the other, each when the last is answered: a write that meets the end
    of its stream puts INTERNAL in the place of what the door said (grpc/grpc#36066)."""
    frames = []
    while True:
        frames.append(more())
        try:
            await session.push(frames[-1])
        except grpc.aio.AioRpcError as error:
            found = from_rpc_error(error)
            assert isinstance(found, ResourceExhausted), error
            return frames, found


async def undecided(world, frames: list) -> list:
    through = (await world.status()).decided_through
    return [f for f in frames if telemetry_pb2.Frame.FromString(f.frame).sequence > through]
