"""Goal: one trace id from end to end, spans where someone looks. Method: spans kept in memory."""

import re
from collections.abc import Iterator
from contextvars import copy_context

import pytest
from hexi_kit import tracing
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use_provider(provider)
    yield exporter
    tracing.use_provider(None)


def test_without_exporter_the_trace_still_travels() -> None:
    def travel() -> None:
        with tracing.span("frame.accept", PARENT):
            assert tracing.current_traceparent() == PARENT
            with tracing.span("inner"):
                assert tracing.current_trace_id() == PARENT[3:35]
        assert tracing.current_trace_id() == ""

    copy_context().run(travel)


def test_with_exporter_spans_are_children_of_the_caller(spans: InMemorySpanExporter) -> None:
    with tracing.span("outer", PARENT, site_id="lanzhou"), tracing.span("inner"):
        pass

    inner, outer = spans.get_finished_spans()
    assert f"{outer.context.trace_id:032x}" == PARENT[3:35]
    assert f"{outer.parent.span_id:016x}" == PARENT[36:52]
    assert inner.parent.span_id == outer.context.span_id
    assert outer.attributes == {"site_id": "lanzhou"}


def test_a_failed_span_says_why(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError), tracing.span("outer"):
        raise ValueError("broken")

    (span,) = spans.get_finished_spans()
    assert span.events[0].attributes["exception.message"] == "broken"


@pytest.mark.parametrize(
    "odd", ["", "x", PARENT.upper(), PARENT + "0", "00-" + "0" * 32 + PARENT[35:]]
)
def test_what_is_no_traceparent_is_ignored(odd: str) -> None:
    def travel() -> None:
        tracing.enter_trace(odd)
        assert tracing.current_trace_id() == ""
        assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", tracing.current_traceparent())

    copy_context().run(travel)
