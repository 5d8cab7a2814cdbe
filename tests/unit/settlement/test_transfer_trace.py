"""Goal: the trace of a submission ends at the posted transfer. Method: recorded spans."""

import asyncio
from collections.abc import Iterator

import pytest
from hexi_kit import tracing
from hexi_kit.testing.clock import ManualClock
from hexi_settlement.domain.known import Mark
from hexi_settlement.domain.usage import RateUsages, Usage, UsageEntry
from hexi_settlement.handlers.write import Writer
from hexi_settlement.settings import load_rules
from hexi_settlement.store.memory import MemoryLedger
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use_provider(provider)
    yield exporter
    tracing.use_provider(None)


async def test_each_transfer_is_a_span_in_the_trace_of_its_usage(spans) -> None:
    traceparent = f"00-{TRACE_ID}-b7ad6b7169203331-01"
    now_ms = 1_795_000_000_000
    usage = Usage("u", "team", "lanzhou", "A100", "", 2_500_000, 900_000, now_ms, traceparent)
    ledger = MemoryLedger()
    writer = Writer(ledger, ManualClock(now_ms), load_rules())
    running = asyncio.create_task(writer.run())

    await writer.submit(RateUsages((UsageEntry((usage,), Mark("t", 0, 1)),)))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    posted = [span for span in spans.get_finished_spans() if span.name == "transfer.posted"]
    assert len(posted) == len(ledger.all.transfers) == 4
    assert {f"{span.context.trace_id:032x}" for span in posted} == {TRACE_ID}
    assert {span.attributes["transfer_id"] for span in posted} == ledger.all.transfers.keys()
