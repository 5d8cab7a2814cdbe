"""Tells what changed sites offer: to everyone, and to every partition of ROUTE as a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

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
# ROUTE's partitions hear it in so many turns: when all of them write it down at once, the work that
# comes just then waits for the broker.
TURNS = 4


class SiteStates:
    """All sites that changed within an interval go out in one message; none when none changed.

    What is news of a known site reaches ROUTE within the interval, a new site at once.
    """

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
        pause_s = self._interval_ms / 1_000 / TURNS
        while True:
            await self._any.wait()
            await self.tell(site_of, pause_s)

    async def tell(self, site_of: Callable[[str], Site | None], pause_s: float = 0.0) -> None:
        """Send the offers that differ from what was told last, and rest for TURNS pauses."""
        known = set(self._told)
        states = [site_state(offer) for offer in self._changes(site_of)]
        await self._publisher.send_all(map(_to_everyone, states))
        new = any(state.site_id not in known for state in states)
        for turn in range(TURNS):
            await self._publisher.send_all(self._to_route(states, turn))
            if not new:
                await self._rest(pause_s)
        if new:
            await self._rest(pause_s * TURNS)

    async def _rest(self, seconds: float) -> None:
        if seconds:
            await self._real_clock.sleep(seconds)

    def _changes(self, site_of: Callable[[str], Site | None]) -> list[SiteOffer]:
        """The offers that differ from what was told last."""
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
        return offers

    def _to_route(self, states: Sequence[route_pb2.SiteState], turn: int) -> Iterator[Outgoing]:
        now_ms, topic = self._clock.now_ms(), topics.SCHEDULER_REQUEST
        for start in range(0, len(states), SITES_PER_REQUEST_MAX):
            part = states[start : start + SITES_PER_REQUEST_MAX]
            request = route_pb2.Request(
                recorded_at_ms=now_ms, site_states=route_pb2.SiteStates(sites=part)
            ).SerializeToString(deterministic=True)
            first = part[0]
            for partition in range(turn, topic.partitions, TURNS):
                event_id = ids.derive("site-states", first.site_id, first.revision, partition)
                yield Outgoing(topic, f"site/{first.site_id}", request, event_id, partition)


def _to_everyone(state: route_pb2.SiteState) -> Outgoing:
    event_id = ids.derive("site-state", state.site_id, state.revision)
    return Outgoing(topics.SCHEDULER_SITE_STATE, state.site_id, state, event_id)


def _said(offer: SiteOffer) -> SiteOffer:
    """The offer less its number: what a reader would see change."""
    return offer._replace(revision=0)
