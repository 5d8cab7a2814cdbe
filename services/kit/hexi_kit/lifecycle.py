"""Starts the parts of a process in order and stops them in reverse, each with a deadline."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from hexi_kit.health import Readiness
from hexi_kit.logs import get_logger

Step = Callable[[], Awaitable[object]]
_STOP_ALL_TIMEOUT_S = 9.0


@dataclass(frozen=True)
class _Part:
    name: str
    start: Step | None
    stop: Step | None
    stop_timeout_s: float


class Lifecycle:
    """Add parts, then `run_until_signal`; what it returns is the exit code.

    Nothing may rely on the clean end: a process that is killed must lose nothing either.
    """

    def __init__(self) -> None:
        self.readiness = Readiness()
        self._parts: list[_Part] = []
        self._ending = asyncio.Event()
        self._exit_code = 0
        self._log = get_logger()

    def add(
        self,
        name: str,
        start: Step | None = None,
        stop: Step | None = None,
        stop_timeout_s: float = 3.0,
    ) -> None:
        self._parts.append(_Part(name, start, stop, stop_timeout_s))

    def add_background(
        self, name: str, run: Callable[[], Coroutine[Any, Any, None]], stop_timeout_s: float = 3.0
    ) -> None:
        """A task that runs as long as the process; when it crashes, so does the process."""
        tasks: list[asyncio.Task[None]] = []

        async def start() -> None:
            task = asyncio.create_task(run(), name=name)
            task.add_done_callback(self._background_ended)
            tasks.append(task)

        async def stop() -> None:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.add(name, start, stop, stop_timeout_s)

    def crash(self, name: str, reason: str) -> None:
        """End the process with exit code 1; for parts that watch their own tasks."""
        self._log.error("process.part_crashed", part=name, reason=reason)
        self._exit_code = 1
        self._ending.set()

    def end(self) -> None:
        """End the process as a signal would."""
        self._ending.set()

    async def run_until_signal(self) -> int:
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for number in signals:
            loop.add_signal_handler(number, self._ending.set)
        started: list[_Part] = []
        try:
            await self._start(started)
            await self._ending.wait()
        finally:
            self.readiness.set(False)
            await self._stop(started)
            for number in signals:
                loop.remove_signal_handler(number)
        return self._exit_code

    async def _start(self, started: list[_Part]) -> None:
        for part in self._parts:
            if self._ending.is_set():
                return
            # Noted before it starts: a part that failed half-way still gets its stop.
            started.append(part)
            if part.start is not None and not await self._started(part.start):
                return
            self._log.debug("process.part_started", part=part.name)
        self.readiness.set(True)
        self._log.info("process.ready")

    async def _started(self, start: Step) -> bool:
        """False when the process is ending: a part may wait for what has just crashed."""
        starting = asyncio.ensure_future(_awaited(start))
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                return False
            starting.result()
            return True
        finally:
            starting.cancel()
            ending.cancel()

    async def _stop(self, started: list[_Part]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _STOP_ALL_TIMEOUT_S
        for part in reversed(started):
            if part.stop is None:
                continue
            left_s = max(0.1, min(part.stop_timeout_s, deadline - loop.time()))
            try:
                await asyncio.wait_for(_awaited(part.stop), left_s)
            except Exception as error:  # noqa: BLE001 - edge: the other parts must stop too
                self._log.warning("process.part_not_stopped", part=part.name, reason=repr(error))
        self._log.info("process.ended", exit_code=self._exit_code)

    def _background_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self._ending.is_set():
            return
        error = task.exception()
        if error is not None:
            self._log.error("process.background_failed", part=task.get_name(), exc_info=error)
        self.crash(task.get_name(), repr(error) if error else "ended by itself")


async def _awaited(step: Step) -> None:
    await step()
