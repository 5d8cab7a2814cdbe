"""Who hears of a site's offer, and when: all of ROUTE of a new site, by and by of what changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from hexi_contracts import topics
from hexi_kit.kafka.record import Outgoing
from hexi_kit.testing.clock import ManualClock
from hexi_scheduler.domain.facts import Condition, Server, ServerSet, SiteFacts
from hexi_scheduler.domain.place.place_events import ConditionChanged
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.workload import FLEET, GENERAL
from hexi_scheduler.stream.site_states import TURNS, SiteStates

FACTS = SiteFacts(1, True, "gansu", 3, True, 1_200, 200, (("general", 10),))
INTERVAL_MS = 1_000
ALL = list(range(topics.SCHEDULER_REQUEST.partitions))


class Desk:
    """One site, one teller, and what it sent."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.sent: list[Outgoing] = []
        self.site = Site("lanzhou")
        self.site.apply(FACTS)
        self.site.apply(ServerSet(1, tuple(Server("r", GENERAL, FLEET, 8, 8, 0) for _ in "ab")))
        self.first: tuple[int, list[int]] = (0, [])
        self.states = SiteStates(self, self.clock, self.clock, INTERVAL_MS)

    async def send_all(self, events: Iterable[Outgoing]) -> None:
        self.sent.extend(events)

    def change(self, server: int) -> None:
        self.site.apply(ConditionChanged(Condition.SILENT, (server,), self.clock.now_ms()))
        self.states.note("lanzhou")

    def taken(self) -> tuple[int, list[int]]:
        """How often everybody was told, and which partitions of ROUTE, since the last call."""
        sent, self.sent = self.sent, []
        everybody = sum(one.topic is topics.SCHEDULER_SITE_STATE for one in sent)
        return everybody, [p for one in sent if (p := one.partition) is not None]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The body begins when all have heard of the site, and an interval is over."""
        self.states.note("lanzhou")
        task = asyncio.create_task(self.states.run({"lanzhou": self.site}.get))
        await self.clock.until_sleepers(1)
        self.first = self.taken()
        self.clock.advance(INTERVAL_MS)
        yield
        task.cancel()


async def test_all_of_route_hears_of_a_new_site_at_once() -> None:
    desk = Desk()
    async with desk.running():
        everybody, partitions = desk.first

    assert everybody == 1
    assert sorted(partitions) == ALL


async def test_a_change_reaches_each_partition_once_within_the_interval() -> None:
    desk, heard = Desk(), []
    async with desk.running():
        desk.change(0)
        for _ in range(TURNS):
            await desk.clock.until_sleepers(1)
            heard.append(desk.taken()[1])
            desk.clock.advance(INTERVAL_MS // TURNS)

    assert all(len(turn) == len(ALL) // TURNS for turn in heard)
    assert sorted(partition for turn in heard for partition in turn) == ALL


async def test_nobody_hears_what_everybody_knows() -> None:
    desk = Desk()
    async with desk.running():
        desk.states.note("lanzhou")
        await desk.clock.until_sleepers(1)

        assert desk.taken() == (0, [])
