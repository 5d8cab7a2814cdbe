"""Tells what changed sites offer: to everyone, and to every partition of ROUTE as a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hexi.scheduler.v1 import route_pb2
from hexi_contracts import topics
from hexi_kit import ids
from hexi_kit.clock import Clock
from hexi_kit.kafka.ports import Publisher
from hexi_kit.kafka.record import Outgoing

from hexi_scheduler.domain.offer import SiteOffer
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.site_offer import offer_of
from hexi_scheduler.domain.rules import NO_RULES, Rules
from hexi_scheduler.wire.offer import site_state

SITES_PER_REQUEST_MAX = 100


class SiteStates:
    """All sites that changed within an interval go out in one message; none when none changed."""

    def __init__(
        self,
        publisher: Publisher,
        clock: Clock,
        real_clock: Clock,
        interval_ms: int,
        rules: Rules = NO_RULES,
    ) -> None:
        self._rules = rules
        self._publisher, self._clock = publisher, clock
        self._real_clock, self._interval_ms = real_clock, interval_ms
        self._changed: set[str] = set()
        self._any = asyncio.Event()
        self._told: dict[str, SiteOffer] = {}

    def note(self, site_id: str) -> None:
        """A site changed, or came to us."""
        self._changed.add(site_id)
        self._any.set()

    async def run(self, site_of: Callable[[str], Site | None]) -> None:
        while True:
            await self._any.wait()
            await self.tell(site_of)
            await self._real_clock.sleep(self._interval_ms / 1_000)

    async def tell(self, site_of: Callable[[str], Site | None]) -> None:
        """Send the offers that differ from what was told last."""
        names, self._changed = sorted(self._changed), set()
        self._any.clear()
        offers: list[SiteOffer] = []
        for name in names:
            site = site_of(name)
            offer = offer_of(site, self._rules) if site is not None else None
            if offer is None:
                self._told.pop(name, None)
            elif _said(offer) != self._told.get(name):
                self._told[name] = _said(offer)
                offers.append(offer)
        await self._publisher.send_all(self._outgoing([site_state(offer) for offer in offers]))

    def _outgoing(self, states: list[route_pb2.SiteState]) -> list[Outgoing]:
        outgoing = []
        for state in states:
            event_id = ids.derive("site-state", state.site_id, state.revision)
            topic = topics.SCHEDULER_SITE_STATE
            outgoing.append(Outgoing(topic, state.site_id, state, event_id))
        now_ms = self._clock.now_ms()
        for start in range(0, len(states), SITES_PER_REQUEST_MAX):
            part = states[start : start + SITES_PER_REQUEST_MAX]
            request = route_pb2.Request(
                recorded_at_ms=now_ms, site_states=route_pb2.SiteStates(sites=part)
            ).SerializeToString(deterministic=True)
            first = part[0]
            for partition in range(topics.SCHEDULER_REQUEST.partitions):
                key = f"site/{first.site_id}"
                event_id = ids.derive("site-states", first.site_id, first.revision, partition)
                topic = topics.SCHEDULER_REQUEST
                outgoing.append(Outgoing(topic, key, request, event_id, partition))
        return outgoing


def _said(offer: SiteOffer) -> SiteOffer:
    """The offer less its number: what a reader would see change."""
    return offer._replace(revision=0)
