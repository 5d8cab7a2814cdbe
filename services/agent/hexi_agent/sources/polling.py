"""Asks each target once a period, each in its own time: one that hangs delays nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from zlib import crc32

from hexi_kit.clock import Clock
from hexi_kit.errors import HexiError, Unauthenticated, Unavailable
from hexi_kit.ids import seeded
from hexi_kit.logs import get_logger
from hexi_kit.model import BaseModel, ConfigDict, Field

from hexi_agent.backoff import Backoff
from hexi_agent.sources.findings import Finding, Findings

BACKOFF_MOST_S = 60.0
# A controller locks an account after a few wrong passwords.
LOCKED_OUT_S = 300.0
AILING_AT_ONCE = 8
# Moments of a period at which targets are asked, some at each: to wake up for every one of them
# would take twice the time.
MOMENTS = 20

Ask = Callable[[], Awaitable[None]]


class PollOptions(BaseModel):
    """`timeout_ms` is for one whole look at a target, whatever it takes to ask."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    period_ms: int = Field(10_000, ge=100, le=3_600_000)
    timeout_ms: int = Field(8_000, ge=50, le=600_000)
    concurrency: int = Field(64, ge=1, le=1_024)


class Poller:
    """A target that did not answer is asked from a lane of its own until it answers again."""

    def __init__(self, options: PollOptions, clocks: tuple[Clock, Clock], found: Findings) -> None:
        """`clocks`: the province's for the beat, the machine's for waiting longer and longer."""
        self._options, self._found = options, found
        self._clock, self._real_clock = clocks
        self._healthy = asyncio.Semaphore(options.concurrency)
        self._ailing = asyncio.Semaphore(AILING_AT_ONCE)

    async def run(self, asks: Mapping[str, Ask]) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, ask in asks.items():
                group.create_task(self._again_and_again(name, ask))

    async def due(self, due_ms: int) -> int:
        """Wait for a moment; which one it is: those that were missed are not made up for."""
        due_ms = max(due_ms, self._clock.now_ms())
        await self._clock.sleep((due_ms - self._clock.now_ms()) / 1_000)
        return due_ms

    def first_ms(self, moment: int) -> int:
        """When targets of this moment of a period are asked first."""
        return self._clock.now_ms() + moment * self._options.period_ms // MOMENTS

    async def until_answered(self, name: str, ask: Ask) -> int:
        """When the target was asked that did not answer at once, but does now; 0 if it did."""
        problem = await self._once(self._healthy, ask)
        if problem is None:
            return 0
        asked_ms = 0
        # Made for who needs it: the state of its dice is large.
        dice, first_s = seeded(crc32(name.encode())), self._options.period_ms / 1_000
        backoff = Backoff(self._real_clock, dice, first_s, BACKOFF_MOST_S)
        while problem is not None:
            self._found.note(name, [Finding("no-answer", name, str(problem)[:200])])
            if isinstance(problem, Unauthenticated):
                await self._real_clock.sleep(LOCKED_OUT_S)
            else:
                await backoff.wait(problem)
            asked_ms = self._clock.now_ms()
            problem = await self._once(self._ailing, ask)
        get_logger().info("source.answers", subject=name)
        return asked_ms

    async def _again_and_again(self, name: str, ask: Ask) -> None:
        due_ms = self.first_ms(moment_of(name))
        while True:
            due_ms = await self.due(due_ms)
            asked_ms = await self.until_answered(name, ask)
            due_ms = (asked_ms or due_ms) + self._options.period_ms

    async def _once(self, lane: asyncio.Semaphore, ask: Ask) -> HexiError | None:
        async with lane:
            try:
                async with asyncio.timeout(self._options.timeout_ms / 1_000):
                    await ask()
            except TimeoutError:
                return Unavailable(f"no answer in {self._options.timeout_ms} ms")
            except HexiError as error:
                return error
        return None


def moment_of(name: str) -> int:
    """At which moment of a period a target is asked."""
    return crc32(name.encode()) % MOMENTS
