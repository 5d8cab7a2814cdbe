"""Tells each of our sites, as a command, that time goes on; and ROUTE, where work waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from hexi.scheduler.v1 import place_pb2, route_pb2
from hexi_contracts import topics
from hexi_kit import ids
from hexi_kit.clock import Clock
from hexi_kit.kafka.ports import Publisher
from hexi_kit.kafka.record import Outgoing

from hexi_scheduler.domain.place.site import Site


class Ticker:
    """One tick a site and interval of the event clock; a tick missed is made good by the next."""

    def __init__(self, publisher: Publisher, clock: Clock, interval_s: int) -> None:
        self._publisher, self._clock, self._interval_s = publisher, clock, interval_s

    async def run(self, sites: Callable[[], Iterable[Site]]) -> None:
        while True:
            await self._clock.sleep(self._interval_s)
            await self.tick(sites())

    async def tick(self, sites: Iterable[Site]) -> None:
        now_ms = self._clock.now_ms()
        await self._publisher.send_all(_route_ticks(now_ms))
        ticked = place_pb2.Ticked(now_ms=now_ms)
        await self._publisher.send_all(
            Outgoing(
                topics.SCHEDULER_COMMAND,
                site.site_id,
                place_pb2.SiteCommand(site_id=site.site_id, recorded_at_ms=now_ms, tick=ticked),
                ids.derive("tick", site.site_id, now_ms),
            )
            for site in sites
            if site.server_set is not None
        )


def _route_ticks(now_ms: int) -> Iterator[Outgoing]:
    """Offers of no site: nobody may speak for hours, and yet an hour that work waits for comes."""
    topic = topics.SCHEDULER_REQUEST
    message = route_pb2.Request(recorded_at_ms=now_ms, site_states=route_pb2.SiteStates())
    for partition in range(topic.partitions):
        event_id = ids.derive("route-tick", now_ms, partition)
        yield Outgoing(topic, "tick", message, event_id, partition)
