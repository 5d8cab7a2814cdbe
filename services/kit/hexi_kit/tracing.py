"""Traces: one W3C trace id from the first call to the last record, spans where someone looks."""

import re
from contextvars import ContextVar, Token
from importlib import import_module
from types import TracebackType

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags, TracerProvider

from hexi_kit.ids import random_hex

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
# An absent collector may not keep a process from ending in time.
_EXPORT_TIMEOUT_S = 2
_current: ContextVar[str] = ContextVar("traceparent", default="")


class _State:
    """Whether anybody looks at spans; without exporter only ids travel."""

    tracer: trace.Tracer | None = None


def configure(service: str, exporter: str) -> None:
    """Once per process; `none` costs one context variable per span."""
    if exporter == "none":
        return
    # Not before: the SDK takes memory that a process without exporter has better use for.
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import (
        BatchSpanProcessor,
        ConsoleSpanExporter,
        SimpleSpanProcessor,
    )

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    if exporter == "console":
        provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    else:
        # Imported by name: the exporter is an extra that most installations do without.
        otlp = import_module("opentelemetry.exporter.otlp.proto.grpc.trace_exporter")
        provider.add_span_processor(
            BatchSpanProcessor(otlp.OTLPSpanExporter(timeout=_EXPORT_TIMEOUT_S))
        )
    use_provider(provider)


def use_provider(provider: TracerProvider | None) -> None:
    """Record spans with this provider from now on."""
    _State.tracer = provider.get_tracer("hexi") if provider else None


def current_traceparent() -> str:
    """The traceparent to send on; a new trace begins where none came in."""
    current = _current.get()
    if not current:
        current = new_traceparent()
        _current.set(current)
    return current


def new_traceparent() -> str:
    """The beginning of a trace, whatever surrounds it."""
    return f"00-{random_hex(16)}-{random_hex(8)}-01"


def enter_trace(traceparent: str) -> None:
    """Go on with a caller's trace in this context; what is no traceparent is ignored."""
    if _TRACEPARENT.fullmatch(traceparent):
        _current.set(traceparent)


def current_trace_id() -> str:
    """The trace id of this context, or nothing."""
    return _current.get()[3:35]


class span:  # noqa: N801 - used as a verb: `with span("frame.accept"):`
    """One timed piece of work, child of `traceparent` or of what surrounds it."""

    __slots__ = ("_attributes", "_name", "_span", "_token", "_traceparent")

    def __init__(self, name: str, traceparent: str | None = None, **attributes: str | int) -> None:
        self._name = name
        self._traceparent = traceparent
        self._attributes = attributes
        self._span: Span | None = None
        self._token: Token[str] | None = None

    def __enter__(self) -> "span":
        parent = self._traceparent
        if parent is None or not _TRACEPARENT.fullmatch(parent):
            parent = _current.get()
        if _State.tracer is not None:
            self._span = _State.tracer.start_span(
                self._name, context=_context_of(parent), attributes=self._attributes
            )
            parent = _text(self._span.get_span_context())
        self._token = _current.set(parent)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)
        if self._span is not None:
            if error is not None:
                self._span.record_exception(error)
            self._span.end()


def _context_of(traceparent: str) -> Context | None:
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None:
        return None
    trace_id, span_id, flags = match.groups()
    parent = SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))
    )
    return trace.set_span_in_context(NonRecordingSpan(parent))


def _text(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
