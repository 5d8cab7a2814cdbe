"""Watches the scheduler's orders for a site and hands each to its executor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import grpc
from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi_kit.errors import HexiError, Unavailable
from hexi_kit.logs import get_logger
from hexi_kit.rpc.status import from_rpc_error

from hexi_agent.backoff import Backoff
from hexi_agent.executors import Executor


class OrderWatch:
    """Every session begins with the whole picture: what is not in it has been taken back."""

    def __init__(
        self,
        site_id: str,
        executors: Mapping[str, Executor],
        watch: Callable[[pb.WatchOrdersRequest], Any],
        backoff: Backoff,
    ) -> None:
        """`watch` opens one WatchOrders call."""
        self._site_id, self._executors = site_id, executors
        self._watch, self._backoff = watch, backoff

    async def run(self) -> None:
        while True:
            try:
                await self._session()
                error: HexiError = Unavailable("the scheduler ended the stream")
            except grpc.aio.AioRpcError as problem:
                error = from_rpc_error(problem)
            get_logger().warning("orders.not_watched", reason=str(error))
            await self._backoff.wait(error)

    async def _session(self) -> None:
        request = pb.WatchOrdersRequest(site_id=self._site_id, executors=sorted(self._executors))
        picture: dict[str, set[str]] | None = {name: set() for name in self._executors}
        async for response in self._watch(request):
            self._backoff.reset()
            for order in response.orders:
                executor = self._executors.get(order.executor)
                if executor is None:
                    get_logger().warning("order.not_ours", executor=order.executor[:80])
                elif order.run:
                    if picture is not None:
                        picture[order.executor].add(order.placement_id)
                    executor.start(order)
                else:
                    executor.stop(order.placement_id)
            if response.complete and picture is not None:
                for name, executor in self._executors.items():
                    executor.keep_only(picture[name])
                picture = None
