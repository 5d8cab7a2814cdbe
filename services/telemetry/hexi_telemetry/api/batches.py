"""Reads a stream of messages ahead, boundedly, and hands out what is there as batches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

Item = TypeVar("Item")
AHEAD_MAX = 64


class Batches(Generic[Item]):
    """`async with` reads in the background; iterating gives everything that has come, as lists.

    While a batch is decided the next one gathers; a full queue stops reading, which in turn
    stops the sender. An error of the stream comes out behind what came before it.
    """

    def __init__(self, items: AsyncIterator[Item]) -> None:
        self._items = items
        self._queue: asyncio.Queue[Item | Exception | None] = asyncio.Queue(AHEAD_MAX)

    async def __aenter__(self) -> Batches[Item]:
        self._task = asyncio.create_task(self._read(), name="read ahead")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def __aiter__(self) -> AsyncIterator[list[Item]]:
        while True:
            batch: list[Item] = []
            item = await self._queue.get()
            while not isinstance(item, Exception) and item is not None:
                batch.append(item)
                if self._queue.empty() or len(batch) >= AHEAD_MAX:
                    break
                item = self._queue.get_nowait()
            if batch:
                yield batch
            if isinstance(item, Exception):
                raise item
            if item is None:
                return

    async def _read(self) -> None:
        try:
            async for item in self._items:
                await self._queue.put(item)
        except Exception as error:  # noqa: BLE001 - handed to the reader of the batches
            await self._queue.put(error)
        else:
            await self._queue.put(None)
