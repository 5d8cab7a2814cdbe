"""Runs the sources of a configuration for a while, and collects what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hexi_kit.clock import SystemClock
from hexi_kit.ids import seeded

from hexi_agent.backoff import Backoff
from hexi_agent.config import AgentConfig
from hexi_agent.gather import KeptSource
from hexi_agent.sources.raw import RawSource, Take

RETRY_MOST_S = 5.0


def look_s(config: AgentConfig) -> float:
    """Long enough for two looks of each source: a counter says nothing before the second."""
    periods = [one.period_ms for one in config.sources]
    return 2.5 * max([config.period_ms, *periods]) / 1_000


async def listen(sources: Sequence[RawSource], take: Take, seconds: float) -> None:
    """Until the time is over; what fails is logged and asked again."""
    clock = SystemClock()
    tasks = [
        asyncio.create_task(
            KeptSource(one, take, Backoff(clock, seeded(number), 0.5, RETRY_MOST_S)).run()
        )
        for number, one in enumerate(sources)
    ]
    try:
        await clock.sleep(seconds)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
