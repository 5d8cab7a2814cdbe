"""The first lines of every process: logs, traces, metrics, clock and identity from its settings."""

from dataclasses import dataclass

from hexi_kit import logs, metrics, tracing
from hexi_kit.clock import Clock, clock_from
from hexi_kit.identity import Identity
from hexi_kit.lifecycle import Lifecycle
from hexi_kit.settings import ServiceSettings


@dataclass(frozen=True)
class Process:
    """What any part of a process may be handed."""

    name: str
    clock: Clock
    identity: Identity
    lifecycle: Lifecycle


def prepare(name: str, settings: ServiceSettings) -> Process:
    """Call inside the running loop; then add parts to `lifecycle` and run it."""
    logs.configure(name, settings.log_level)
    tracing.configure(name, settings.otel_exporter)
    metrics.configure(name, settings.otel_exporter, settings.metrics_listen)
    identity = Identity.load(settings.pki, name)
    return Process(name, clock_from(settings.clock), identity, Lifecycle())
