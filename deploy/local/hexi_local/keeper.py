"""Keeping one process alive: first start, restarts with backoff, the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from hexi_kit.clock import Clock
from hexi_kit.logs import get_logger

from hexi_local.child import Child, ChildFailed
from hexi_local.process import kill_group

BACKOFF_FIRST_S = 0.2
BACKOFF_LAST_S = 10.0
STEADY_AFTER_S = 30.0
FIRST_ATTEMPTS = 3

log = get_logger()


class State(StrEnum):
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    BACKING_OFF = "backing-off"
    STOPPED = "stopped"


class Unit(Protocol):
    """What can be kept. `start` returns when it is ready, or raises ChildFailed."""

    name: str
    child: Child | None
    on_spawn: Callable[[], None]  # called when `child` is a new process, before it is ready

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Keeper:
    """Owns a unit from its first start to its end; whatever it dies of, it comes back."""

    def __init__(self, unit: Unit, clock: Clock, on_change: Callable[[], None]) -> None:
        self.unit = unit
        self.state = State.WAITING
        self.restarts = 0
        self._clock = clock
        self._on_change = on_change
        unit.on_spawn = on_change
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._backoff_s = BACKOFF_FIRST_S

    async def start(self) -> None:
        """Return when it is ready; a unit that cannot even start is told, not retried for ever."""
        for attempt in range(1, FIRST_ATTEMPTS + 1):
            try:
                await self._start_once()
                break
            except ChildFailed:
                if attempt == FIRST_ATTEMPTS:
                    raise
                await self._back_off()
        self._task = asyncio.create_task(self._keep(), name=f"keep-{self.unit.name}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.unit.stop()
        await self._to(State.STOPPED)

    async def until_ready(self, restarts_min: int = 0) -> None:
        """Wait until it is ready and was restarted at least so often."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self.state is State.READY and self.restarts >= restarts_min
            )

    async def _keep(self) -> None:
        since_s = self._clock.real_monotonic_s()
        while True:
            assert self.unit.child is not None
            code = await self.unit.child.wait()
            kill_group(self.unit.child.pid)
            if self._clock.real_monotonic_s() - since_s >= STEADY_AFTER_S:
                self._backoff_s = BACKOFF_FIRST_S
            self.restarts += 1
            log.warning("process.ended", name=self.unit.name, code=code, restarts=self.restarts)
            await self._back_off()
            since_s = self._clock.real_monotonic_s()
            try:
                await self._start_once()
            except ChildFailed as failure:
                log.error("process.not_ready", name=self.unit.name, reason=str(failure))

    async def _start_once(self) -> None:
        await self._to(State.STARTING)
        await self.unit.start()
        await self._to(State.READY)

    async def _back_off(self) -> None:
        await self._to(State.BACKING_OFF)
        await self._clock.sleep(self._backoff_s)
        self._backoff_s = min(2 * self._backoff_s, BACKOFF_LAST_S)

    async def _to(self, state: State) -> None:
        async with self._changed:
            self.state = state
            self._on_change()
            self._changed.notify_all()
