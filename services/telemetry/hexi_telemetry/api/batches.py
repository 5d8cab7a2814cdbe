"""Reads a stream of messages ahead, boundedly, and hands out what is there as batches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")
# A turn of one stream is short, so that the others need not wait long for theirs.
BATCH_MAX = 16
BATCH_BYTES_MAX = 1024 * 1024
AHEAD_MAX = 64
AHEAD_BYTES_MAX = 2 * BATCH_BYTES_MAX


class Batches(Generic[Item]):
    """`async with` reads in the background; iterating gives what has come, as bounded lists.

    While a batch is decided the next ones gather; when enough has come nothing is read, which in
    turn stops the sender. An error of the stream comes out behind what came before it.
    """

    def __init__(self, items: AsyncIterator[Item], size_of: Callable[[Item], int]) -> None:
        self._items, self._size_of = items, size_of
        self._ahead: deque[tuple[Item, int]] = deque()
        self._ahead_bytes = 0
        self._ended: Exception | bool = False
        self._moved = asyncio.Condition()

    async def __aenter__(self) -> Batches[Item]:
        self._task = asyncio.create_task(self._read(), name="read ahead")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def __aiter__(self) -> AsyncIterator[list[Item]]:
        while batch := await self._next():
            yield batch
        if isinstance(self._ended, Exception):
            raise self._ended

    async def _next(self) -> list[Item]:
        """Empty at the end of the stream."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._ahead or self._ended)
            batch: list[Item] = []
            batch_bytes = 0
            while self._ahead and len(batch) < BATCH_MAX:
                item, size = self._ahead[0]
                if batch and batch_bytes + size > BATCH_BYTES_MAX:
                    break
                self._ahead.popleft()
                batch.append(item)
                batch_bytes += size
            self._ahead_bytes -= batch_bytes
            self._moved.notify_all()
            return batch

    async def _read(self) -> None:
        ended: Exception | bool = True
        try:
            async for item in self._items:
                size = self._size_of(item)
                async with self._moved:
                    await self._moved.wait_for(self._has_room)
                    self._ahead.append((item, size))
                    self._ahead_bytes += size
                    self._moved.notify_all()
        except Exception as error:  # noqa: BLE001 - handed to the reader of the batches
            ended = error
        async with self._moved:
            self._ended = ended
            self._moved.notify_all()

    def _has_room(self) -> bool:
        return self._ahead_bytes < AHEAD_BYTES_MAX and len(self._ahead) < AHEAD_MAX
