"""Writers that come while a batch is on its way share the next one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Together(Generic[Item]):
    """One batch is written at a time; what fails it fails all who are in it."""

    def __init__(
        self, write: Callable[[list[Item]], Awaitable[None]], most: int = sys.maxsize
    ) -> None:
        self._write, self._most = write, most
        self._waiting: list[tuple[Item, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many wait for the next batch."""
        return len(self._waiting)

    def add(self, item: Item) -> asyncio.Future[None]:
        """Done when the item is written; items are written in the order in which they came."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="writing together")
        return done

    async def _run(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            problem: Exception | None = None
            try:
                await self._write([item for item, _ in taken])
            except Exception as error:  # noqa: BLE001  # handed to those who wait
                problem = error
            for _, done in taken:
                # Who waited may be gone.
                if done.done():
                    continue
                if problem is None:
                    done.set_result(None)
                else:
                    done.set_exception(problem)
        self._task = None
