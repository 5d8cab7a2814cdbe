"""Tells the SOC of every caller a server refused: refusals become events of security.event.v1."""

from hexi_contracts.topics import SECURITY_EVENT

from hexi_kit.errors import Unauthenticated
from hexi_kit.identity.principal import parse_spiffe
from hexi_kit.ids import random_id
from hexi_kit.kafka.ports import Publisher
from hexi_kit.rpc.refusals import OnRefused, Refusal
from hexi_kit.security_events import IDENTITY_REFUSED, SecurityEvent, ocsf_event

_SEVERITY = {"unauthenticated": "medium", "handshake": "low", "permission-denied": "medium"}


def tell_refusals(publisher: Publisher, service: str) -> OnRefused:
    """For `RpcOptions.on_refused`; keyed by the site that is meant, else by the caller's host."""

    async def tell(refusal: Refusal) -> None:
        host = refusal.peer.rpartition(":")[0]
        site_id = _site_of(refusal.principal)
        event = SecurityEvent(
            event_id=random_id(),
            kind=IDENTITY_REFUSED,
            reason=refusal.kind,
            time_ms=refusal.at_ms,
            service=service,
            operation=refusal.method,
            principal=refusal.principal,
            source=host,
            severity=_SEVERITY[refusal.kind],
            message=refusal.reason,
            details={"site_id": site_id} if site_id else {},
        )
        await publisher.send(
            SECURITY_EVENT,
            site_id or host,
            ocsf_event(event),
            event_id=event.event_id,
            traceparent=refusal.traceparent,
        )

    return tell


def _site_of(principal: str) -> str:
    try:
        caller = parse_spiffe(principal)
    except Unauthenticated:
        return ""
    return caller.scope if caller.kind == "agent" else ""
