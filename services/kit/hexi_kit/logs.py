"""Log events: a name and keys, one JSON line each on stderr, plain on a terminal."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

from hexi_kit.tracing import current_trace_id
from hexi_kit.without import without

# It takes rich along, eight megabytes of every process, for tracebacks that we never draw.
with without("rich"):
    import structlog
    from structlog.typing import FilteringBoundLogger, Processor, WrappedLogger

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_SECRET = re.compile(r"password|secret|token|authorization|private_key|\bdsn\b", re.IGNORECASE)
# Faust leaves these at DEBUG whatever it is told, and then builds a record for every send.
_LOUD_LIBRARIES = ("aiokafka", "faust", "mode", "asyncio", "grpc", "kafka", "asyncpg", "hypothesis")


def configure(service: str, level: str) -> None:
    """Once per process, before the first event."""
    number = _LEVELS[level]
    on_terminal = sys.stderr.isatty()
    # Plain tracebacks: the pretty ones show local variables, and with them secrets.
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if on_terminal
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _add_trace,
            _redact,
            *([] if on_terminal else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, _Stderr())),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    _quiet_libraries()


class _Stderr:
    """Standard error as it is when a line is written: a logger outlives what replaced it."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def get_logger() -> FilteringBoundLogger:
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


def _add_trace(
    _logger: WrappedLogger, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    if trace_id := current_trace_id():
        event.setdefault("trace_id", trace_id)
    return event


def _redact(
    _logger: WrappedLogger, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for key in event:
        if _SECRET.search(key):
            event[key] = "[redacted]"
    return event


def _quiet_libraries() -> None:
    logging.basicConfig(handlers=[_Forward()], level=logging.WARNING, force=True)
    for name in _LOUD_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)


class _Forward(logging.Handler):
    """Lines of libraries leave the process in the same shape as ours."""

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warning"
        exc_info = record.exc_info if record.exc_info and record.exc_info[0] else None
        getattr(get_logger(), level)(
            "library.said", library=record.name, text=record.getMessage(), exc_info=exc_info
        )
