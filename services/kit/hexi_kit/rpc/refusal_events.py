"""Tells refused callers to security.event.v1."""

from __future__ import annotations

from hexi_contracts.topics import SECURITY_EVENT

from hexi_kit.clock import Clock
from hexi_kit.ids import random_id
from hexi_kit.kafka.ports import Publisher
from hexi_kit.rpc.refusals import OnRefused, Refusal
from hexi_kit.security_events import IDENTITY_REFUSED, SecurityEvent, ocsf_event

ANONYMOUS = "anonymous"


def refusal_reporter(publisher: Publisher, service: str, clock: Clock) -> OnRefused:
    """What an RpcServer calls for each refusal it reports."""

    async def report(refusal: Refusal) -> None:
        source = source_of(refusal)
        event_id = random_id()
        event = SecurityEvent(
            event_id,
            IDENTITY_REFUSED,
            refusal.kind,
            clock.now_ms(),
            service,
            refusal.method or "handshake",
            refusal.principal,
            source,
            message=f"{refusal.kind}: {refusal.reason}"[:500],
        )
        await publisher.send(SECURITY_EVENT, source, ocsf_event(event), event_id=event_id)

    return report


def source_of(refusal: Refusal) -> str:
    """Who it was: the name, or for the nameless the host, whose port changes with every try."""
    if refusal.principal and refusal.principal != ANONYMOUS:
        return refusal.principal
    host, _, port = refusal.peer.rpartition(":")
    return host if host and port.isdigit() else refusal.peer or ANONYMOUS
