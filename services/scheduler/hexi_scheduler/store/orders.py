"""Who watches which site's orders, each with a bounded queue."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager

from hexi.scheduler.v1 import place_pb2, scheduler_service_pb2
from hexi_kit.errors import ResourceExhausted

_LIVE = (place_pb2.PLACEMENT_STATE_PLACED, place_pb2.PLACEMENT_STATE_STARTED)


def order_of(record: place_pb2.PlacementRecord) -> scheduler_service_pb2.Order:
    """What an executor must do about this placement."""
    return scheduler_service_pb2.Order(
        placement_id=record.placement_id,
        workload=record.workload,
        allocations=record.allocations,
        run=record.state in _LIVE,
        executor=record.executor,
        started=record.state == place_pb2.PLACEMENT_STATE_STARTED,
        started_at_ms=record.started_at_ms,
    )


class Watcher:
    """One executor's subscription; it is cut when it falls `queue_max` orders behind."""

    def __init__(self, executors: frozenset[str], queue_max: int) -> None:
        self._executors = executors
        self._queue_max = queue_max
        self._orders: list[scheduler_service_pb2.Order] = []
        self._changed = asyncio.Event()
        self._behind = False

    def offer(self, orders: Iterable[scheduler_service_pb2.Order]) -> None:
        wanted = [order for order in orders if order.executor in self._executors]
        if not wanted or self._behind:
            return
        self._behind = len(self._orders) + len(wanted) > self._queue_max
        if self._behind:
            self._orders.clear()
        else:
            self._orders.extend(wanted)
        self._changed.set()

    async def take(self, most: int) -> list[scheduler_service_pb2.Order]:
        """Wait for the next orders, at most `most` of them.

        Raises:
            ResourceExhausted: the watcher was too slow; it must watch again from the full picture.
        """
        await self._changed.wait()
        if self._behind:
            raise ResourceExhausted("orders came faster than they were read", retry_after_ms=200)
        taken, self._orders = self._orders[:most], self._orders[most:]
        if not self._orders:
            self._changed.clear()
        return taken


class OrderBoard:
    """Hands every change of a site's placements to the site's watchers."""

    def __init__(
        self,
        placements_of: Callable[[str], Iterable[place_pb2.PlacementRecord]],
        queue_max: int = 200_000,
    ) -> None:
        self._placements_of = placements_of
        self._queue_max = queue_max
        self._watchers: defaultdict[str, set[Watcher]] = defaultdict(set)

    async def follow(
        self, site_id: str, executors: frozenset[str], most: int
    ) -> AsyncIterator[scheduler_service_pb2.WatchOrdersResponse]:
        """The live orders of a site, `complete` on the last message of them, then the changes."""
        # The subscription stands before the picture is taken: nothing falls between the two.
        with self._watching(site_id, executors) as watcher:
            live = [order_of(p) for p in self._placements_of(site_id) if p.state in _LIVE]
            live = [order for order in live if order.executor in executors]
            for start in range(0, len(live), most):
                yield scheduler_service_pb2.WatchOrdersResponse(orders=live[start : start + most])
            yield scheduler_service_pb2.WatchOrdersResponse(complete=True)
            while True:
                orders = await watcher.take(most)
                yield scheduler_service_pb2.WatchOrdersResponse(orders=orders)

    @contextmanager
    def _watching(self, site_id: str, executors: frozenset[str]) -> Iterator[Watcher]:
        watcher = Watcher(executors, self._queue_max)
        self._watchers[site_id].add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[site_id].discard(watcher)

    def is_watched(self, site_id: str) -> bool:
        return bool(self._watchers.get(site_id))

    def publish(self, site_id: str, placements: list[place_pb2.PlacementRecord]) -> None:
        orders = [order_of(placement) for placement in placements]
        for watcher in self._watchers[site_id]:
            watcher.offer(orders)
