"""Lives of an executor, one after the other, and what it reports in each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from hexi.scheduler.v1 import place_pb2
from hexi_kit.clock import SystemClock
from hexi_kit.testing.clock import ManualClock

from hexi_agent.executors import Executor, Order

Report = place_pb2.RunReport
Tell = Callable[[Report], None]
STARTED = place_pb2.RUN_STATE_STARTED
ANSWER_S, LOOK_S = 60, 0.1


@dataclass
class Life:
    """One life of an executor; its reports come out of a queue."""

    executor: Executor
    clock: ManualClock
    reports: asyncio.Queue[Report]

    def start(self, *orders: Order) -> None:
        for order in orders:
            self.executor.start(order)

    async def next(self) -> Report:
        return await asyncio.wait_for(self.reports.get(), ANSWER_S)

    async def clock_tick(self) -> None:
        """Let the executor look once more, by real time."""
        await SystemClock().sleep(LOOK_S)

    async def until_ended(self) -> list[Report]:
        found = [await self.next()]
        while found[-1].state == STARTED:
            found.append(await self.next())
        return found


Make = Callable[[ManualClock, Tell, AsyncExitStack], Executor]


class World:
    """Where runs outlive the executor: `living` gives one life of it after the other."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self.clock = ManualClock()

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Life]:
        async with AsyncExitStack() as stack:
            reports: asyncio.Queue[Report] = asyncio.Queue()
            life = Life(self._make(self.clock, reports.put_nowait, stack), self.clock, reports)
            task = asyncio.create_task(life.executor.run())
            try:
                yield life
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
