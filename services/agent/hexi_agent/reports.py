"""Tells the scheduler how runs go: in batches, in order, again and again until it has them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import grpc
from hexi.scheduler.v1 import place_pb2
from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi_kit.clock import Clock
from hexi_kit.errors import HexiError, InvalidArgument, PermissionDenied
from hexi_kit.logs import get_logger
from hexi_kit.rpc.status import from_rpc_error

from hexi_agent.backoff import Backoff

GATHER_S = 0.2
BATCH_MAX = 500
BATCH_BYTES_MAX = 1024 * 1024

Send = Callable[[pb.ReportRunsRequest], Awaitable[object]]


class Reports:
    """Lost with the process and made again by it: every executor can repeat what it knows."""

    def __init__(self, site_id: str, send: Send, real_clock: Clock, backoff: Backoff) -> None:
        self._site_id, self._send = site_id, send
        self._clock, self._backoff = real_clock, backoff
        self._waiting: deque[place_pb2.RunReport] = deque()
        self._some, self._none = asyncio.Event(), asyncio.Event()
        self._none.set()

    def add(self, report: place_pb2.RunReport) -> None:
        self._waiting.append(report)
        self._none.clear()
        self._some.set()

    async def run(self) -> None:
        while True:
            await self._some.wait()
            # A moment's patience makes one message of many runs.
            if len(self._waiting) < BATCH_MAX:
                await self._clock.sleep(GATHER_S)
            batch = self._batch()
            await self._until_accepted(batch)
            for _ in batch:
                self._waiting.popleft()
            if not self._waiting:
                self._some.clear()
                self._none.set()

    async def drained(self) -> None:
        """Wait until the scheduler has everything."""
        await self._none.wait()

    def _batch(self) -> list[place_pb2.RunReport]:
        batch: list[place_pb2.RunReport] = []
        size_bytes = 0
        for report in self._waiting:
            size_bytes += report.ByteSize()
            if batch and (len(batch) == BATCH_MAX or size_bytes > BATCH_BYTES_MAX):
                break
            batch.append(report)
        return batch

    async def _until_accepted(self, batch: list[place_pb2.RunReport]) -> None:
        while (error := await self._try(batch)) is not None:
            if not isinstance(error, InvalidArgument | PermissionDenied):
                get_logger().warning("run_reports.not_sent", reason=str(error), reports=len(batch))
                await self._backoff.wait(error)
            elif len(batch) == 1:
                # Saying it again would not make it better, and others wait behind it.
                get_logger().error("run_report.refused", reason=str(error))
                return
            else:
                for report in batch:
                    await self._until_accepted([report])
                return

    async def _try(self, batch: list[place_pb2.RunReport]) -> HexiError | None:
        try:
            await self._send(pb.ReportRunsRequest(site_id=self._site_id, reports=batch))
        except grpc.aio.AioRpcError as error:
            return from_rpc_error(error)
        self._backoff.reset()
        return None
