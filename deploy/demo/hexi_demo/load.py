"""Submits work at a steady rate, as the teams themselves, and remembers what was acknowledged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import grpc
from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi.scheduler.v1 import workload_pb2
from hexi_kit import tracing
from hexi_kit.clock import SystemClock

from hexi_demo.doors import Doors
from hexi_demo.pace import Pace
from hexi_demo.requests import Submission

BATCHES_A_SECOND = 4
RETRY_S = 0.5
CALL_TIMEOUT_S = 10.0


class Load:
    """`acknowledged` is every id a team was told; a call without an answer is sent again."""

    def __init__(self, doors: Doors, submissions: Iterator[Submission], rate: int) -> None:
        self._doors = doors
        self._submissions = submissions
        self._rate = rate
        self.acknowledged: list[str] = []
        self.retries = 0

    async def run(self, pace: Pace) -> None:
        """Submit until `pace` ends."""
        number = 0
        due = 0.0
        async for _ in pace.beats(1 / BATCHES_A_SECOND):
            due += self._rate / BATCHES_A_SECOND
            count, due = int(due), due - int(due)
            await self.submit([next(self._submissions) for _ in range(count)], f"batch-{number}")
            number += 1

    async def submit(self, submissions: list[Submission], key: str) -> None:
        by_tenant: defaultdict[str, list[workload_pb2.WorkloadSpec]] = defaultdict(list)
        for tenant, spec in submissions:
            by_tenant[tenant].append(spec)
        for tenant, specs in by_tenant.items():
            request = pb.SubmitWorkloadsRequest(
                idempotency_key=f"{key}-{tenant}", tenant_id=tenant, workloads=specs
            )
            self.acknowledged += await self._until_answered(tenant, request)

    async def _until_answered(self, tenant: str, request: pb.SubmitWorkloadsRequest) -> list[str]:
        stub = await self._doors.scheduler(f"tenant-{tenant}")
        while True:
            try:
                # Each submission is a trace of its own, up to the transfers that pay for it.
                with tracing.span("demo.submit", tracing.new_traceparent()):
                    answer = await stub.SubmitWorkloads(request, timeout=CALL_TIMEOUT_S)
                return list(answer.workload_ids)
            except grpc.aio.AioRpcError as error:
                if error.code() not in (
                    grpc.StatusCode.UNAVAILABLE,
                    grpc.StatusCode.DEADLINE_EXCEEDED,
                    grpc.StatusCode.RESOURCE_EXHAUSTED,
                ):
                    raise
                # The same key: whatever was taken already is the same workload.
                self.retries += 1
                await SystemClock().sleep(RETRY_S)
