"""Follows workloads until they are over, with a bar."""

from __future__ import annotations

import asyncio

from hexi.scheduler.v1 import scheduler_service_pb2 as pb
from hexi.scheduler.v1 import workload_pb2
from hexi.scheduler.v1.scheduler_service_pb2_grpc import SchedulerServiceStub
from hexi_kit.clock import SystemClock
from rich.progress import Progress

from hexi_cli.render import Printer

POLL_S = 0.5
OVER = (
    workload_pb2.WORKLOAD_STATE_ENDED,
    workload_pb2.WORKLOAD_STATE_REFUSED,
    workload_pb2.WORKLOAD_STATE_CANCELLED,
)


def wait_for(stub: SchedulerServiceStub, workload_ids: list[str], printer: Printer) -> None:
    """Return when every workload is ended, refused or cancelled."""
    left = set(workload_ids)
    with Progress(console=printer.console, disable=printer.as_json) as progress:
        bar = progress.add_task("waiting", total=len(left))
        while left:
            left -= {workload_id for workload_id in sorted(left) if _is_over(stub, workload_id)}
            progress.update(bar, completed=len(workload_ids) - len(left))
            if left:
                asyncio.run(SystemClock().sleep(POLL_S))


def _is_over(stub: SchedulerServiceStub, workload_id: str) -> bool:
    answer = stub.GetWorkload(pb.GetWorkloadRequest(workload_id=workload_id))
    return answer.view.state in OVER
