"""Asks the targets of one moment together: to wake up for each of them costs more than to read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hexi_kit.clock import Clock

from hexi_agent.sources.openmetrics.options import OpenMetricsOptions
from hexi_agent.sources.openmetrics.scrape import Scrape
from hexi_agent.sources.polling import Poller, moment_of

# Hundredths of a period for which answers wait in the kernel for each other; who has not answered
# after the last is waited for alone.
PATIENCE = (1, 2, 4)


class Rounds:
    """Whoever has no connection, or does not answer in the round, is asked alone by the poller, and
    comes back when it has answered: one that hangs delays nobody."""

    def __init__(self, options: OpenMetricsOptions, real_clock: Clock, poller: Poller) -> None:
        self._options, self._real_clock, self._poller = options, real_clock, poller
        self._hundredth_s = min(options.period_ms, options.timeout_ms) / 100_000
        self._alone = set[Scrape]()

    async def run(self, scrapes: Sequence[Scrape]) -> None:
        """Until cancelled."""
        moments: dict[int, list[Scrape]] = {}
        for one in scrapes:
            moments.setdefault(moment_of(one.target.url), []).append(one)
        async with asyncio.TaskGroup() as group:
            for moment, some in moments.items():
                group.create_task(self._again_and_again(group, moment, some))

    async def _again_and_again(
        self, group: asyncio.TaskGroup, moment: int, scrapes: Sequence[Scrape]
    ) -> None:
        due_ms, most = self._poller.first_ms(moment), self._options.concurrency
        while True:
            due_ms = await self._poller.due(due_ms)
            here = [one for one in scrapes if one not in self._alone]
            for first in range(0, len(here), most):
                await self._together(group, here[first : first + most])
            due_ms += self._options.period_ms

    async def _together(self, group: asyncio.TaskGroup, scrapes: Sequence[Scrape]) -> None:
        asked = [one for one in scrapes if one.begin()]
        self._leave(group, [one for one in scrapes if not one.is_asked])
        for patience in PATIENCE:
            if not asked:
                return
            await self._real_clock.sleep(patience * self._hundredth_s)
            asked = [one for one in asked if not one.finish()]
        self._leave(group, asked)

    def _leave(self, group: asyncio.TaskGroup, scrapes: Sequence[Scrape]) -> None:
        for one in scrapes:
            self._alone.add(one)
            group.create_task(self._ask_alone(one))

    async def _ask_alone(self, one: Scrape) -> None:
        try:
            await self._poller.until_answered(one.target.url, one.ask)
        finally:
            self._alone.discard(one)
