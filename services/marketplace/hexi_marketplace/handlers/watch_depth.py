"""Hands market data to watchers: each gets the newest picture of every book that changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from hexi_kit.errors import ResourceExhausted

WATCHERS_MAX = 200


class DepthWatch:
    """What one watcher has not looked at yet. Never more than one entry a product."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted
        self._changed: set[str] = set()
        self._woken = asyncio.Event()

    def tell(self, product_ids: Iterable[str]) -> None:
        news = self._wanted.intersection(product_ids) if self._wanted else set(product_ids)
        if news:
            self._changed |= news
            self._woken.set()

    async def news(self) -> list[str]:
        """Waits for products whose books changed since the last call."""
        await self._woken.wait()
        self._woken.clear()
        changed, self._changed = sorted(self._changed), set()
        return changed


class DepthFeed:
    """A slow watcher misses pictures in between, never the last one; nothing piles up for it."""

    def __init__(self) -> None:
        self._watches: set[DepthWatch] = set()

    def changed(self, product_ids: Iterable[str]) -> None:
        for watch in self._watches:
            watch.tell(product_ids)

    @contextmanager
    def watch(self, product_ids: frozenset[str]) -> Iterator[DepthWatch]:
        """From now until the end of the block; no products means all."""
        if len(self._watches) >= WATCHERS_MAX:
            raise ResourceExhausted(f"expected at most {WATCHERS_MAX} watchers")
        watch = DepthWatch(product_ids)
        self._watches.add(watch)
        try:
            yield watch
        finally:
            self._watches.discard(watch)
