"""Tells security-monitor who was turned away at the traders' door."""

from __future__ import annotations

from hexi_contracts.topics import SECURITY_EVENT
from hexi_kit.clock import Clock
from hexi_kit.ids import random_id
from hexi_kit.kafka.ports import Publisher
from hexi_kit.rpc.refusals import Refusal
from hexi_kit.security_events import IDENTITY_REFUSED, SecurityEvent, ocsf_event


class TellRefusals:
    """What an RpcServer calls for each refusal."""

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self._publisher, self._clock = publisher, clock

    async def __call__(self, refusal: Refusal) -> None:
        event = SecurityEvent(
            event_id=random_id(),
            kind=IDENTITY_REFUSED,
            reason=refusal.kind,
            time_ms=self._clock.now_ms(),
            service="marketplace",
            operation=refusal.method,
            principal=refusal.principal,
            source=refusal.peer,
            message=refusal.reason,
        )
        await self._publisher.send(
            SECURITY_EVENT,
            refusal.principal or refusal.peer,
            ocsf_event(event),
            event_id=event.event_id,
        )
