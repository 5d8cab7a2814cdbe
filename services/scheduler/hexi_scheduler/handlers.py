"""What the api does with a checked request: derive ids, batch, publish."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hexi.scheduler.v1 import place_pb2, route_pb2, scheduler_service_pb2, workload_pb2
from hexi_contracts import topics
from hexi_kit import ids
from hexi_kit.clock import Clock
from hexi_kit.errors import FailedPrecondition, NotFound, ResourceExhausted
from hexi_kit.kafka.record import Outgoing
from hexi_kit.metrics import counter

from hexi_scheduler.ports import Publisher, Workloads

BATCH_WORKLOADS_MAX = 500
BATCH_BYTES_MAX = 700_000
# Ten seconds of work at the rate we promise; beyond it the sender waits, not the log.
UNDECIDED_MAX = 50_000
RETRY_AFTER_MS = 500
OVER = (
    workload_pb2.WORKLOAD_STATE_ENDED,
    workload_pb2.WORKLOAD_STATE_REFUSED,
    workload_pb2.WORKLOAD_STATE_CANCELLED,
)


Fill = Callable[[workload_pb2.WorkloadSpec, int], None]


def _leave_as_it_is(_spec: workload_pb2.WorkloadSpec, _at_ms: int) -> None:
    """Where nobody has templates."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What every handler of the api is given."""

    publisher: Publisher
    workloads: Workloads
    clock: Clock
    fill: Fill = _leave_as_it_is


def is_known(desk: Desk, request: scheduler_service_pb2.SubmitWorkloadsRequest) -> bool:
    """The same key came before: its answer is given again, whatever has changed since."""
    return desk.workloads.get(f"{_batch_id(request)}:0") is not None


def _batch_id(request: scheduler_service_pb2.SubmitWorkloadsRequest) -> str:
    return ids.derive("workloads", request.tenant_id, request.idempotency_key)


async def submit(
    desk: Desk, request: scheduler_service_pb2.SubmitWorkloadsRequest, traceparent: str
) -> list[str]:
    """Publish the batch; the ids are a function of tenant, key and index, so a repeat is the same.

    A batch stays together in one partition: it costs each stage a message, not one a partition.
    Returns only when the broker has every part. A caller who gets no answer asks again with the
    same key: what was already there is the same workload.
    """
    if desk.workloads.undecided + len(request.workloads) > UNDECIDED_MAX:
        raise ResourceExhausted("ROUTE is behind: too much is undecided", RETRY_AFTER_MS)
    now_ms = desk.clock.now_ms()
    batch = _batch_id(request)
    workloads = [
        workload_pb2.Workload(
            workload_id=f"{batch}:{index}",
            tenant_id=request.tenant_id,
            spec=spec,
            submitted_at_ms=now_ms,
            traceparent=traceparent,
        )
        for index, spec in enumerate(request.workloads)
    ]
    for workload in workloads:
        desk.fill(workload.spec, now_ms)
    events = [
        Outgoing(
            topic=topics.SCHEDULER_REQUEST,
            key=part[0].workload_id,
            message=route_pb2.Request(
                recorded_at_ms=now_ms, submit=route_pb2.SubmitBatch(workloads=part)
            ),
            event_id=ids.derive("submit", part[0].workload_id),
            traceparent=traceparent,
        )
        for part in parts(workloads)
    ]
    await desk.publisher.send_all(events)
    desk.workloads.note_submitted(workloads)
    counter("scheduler.workloads_submitted").add(len(workloads))
    return [workload.workload_id for workload in workloads]


def parts(workloads: Sequence[workload_pb2.Workload]) -> Iterator[list[workload_pb2.Workload]]:
    """Cut a list into runs that each fit one record of the request topic."""
    part: list[workload_pb2.Workload] = []
    size_bytes = 0
    for workload in workloads:
        size = workload.ByteSize()
        if part and (len(part) == BATCH_WORKLOADS_MAX or size_bytes + size > BATCH_BYTES_MAX):
            yield part
            part, size_bytes = [], 0
        part.append(workload)
        size_bytes += size
    if part:
        yield part


async def cancel(
    desk: Desk, request: scheduler_service_pb2.CancelWorkloadRequest, tenant_id: str
) -> None:
    """Ask ROUTE to cancel.

    Raises:
        NotFound: no such workload of this tenant.
        FailedPrecondition: it is already over.
    """
    view = desk.workloads.get(request.workload_id)
    if view is None or view.workload.tenant_id != tenant_id:
        raise NotFound("workload", request.workload_id)
    if view.state == workload_pb2.WORKLOAD_STATE_CANCELLED:
        return
    if view.state in OVER:
        state = workload_pb2.WorkloadState.Name(view.state)
        raise FailedPrecondition(f"the workload is over: {state}", request.workload_id)
    wish = route_pb2.CancelRequested(
        workload_id=request.workload_id, tenant_id=tenant_id, reason=request.reason
    )
    await desk.publisher.send_all(
        [
            Outgoing(
                topic=topics.SCHEDULER_REQUEST,
                key=request.workload_id,
                message=route_pb2.Request(recorded_at_ms=desk.clock.now_ms(), cancel=wish),
                event_id=ids.derive("cancel", request.workload_id, request.idempotency_key),
                traceparent=view.workload.traceparent,
            )
        ]
    )


async def report_runs(desk: Desk, request: scheduler_service_pb2.ReportRunsRequest) -> None:
    """Hand an executor's reports to the site's partition, in as few records as fit."""
    now_ms = desk.clock.now_ms()
    events: list[Outgoing] = []
    for start in range(0, len(request.reports), BATCH_WORKLOADS_MAX):
        part = request.reports[start : start + BATCH_WORKLOADS_MAX]
        first = part[0]
        events.append(
            Outgoing(
                topic=topics.SCHEDULER_COMMAND,
                key=request.site_id,
                message=place_pb2.SiteCommand(
                    site_id=request.site_id,
                    recorded_at_ms=now_ms,
                    runs=place_pb2.RunReports(reports=part),
                ),
                event_id=ids.derive("runs", first.placement_id, first.state, len(part), start),
            )
        )
    await desk.publisher.send_all(events)


async def tell_site(desk: Desk, command: place_pb2.SiteCommand, event_id: str) -> None:
    """Hand an operator's word to the site's partition."""
    topic = topics.SCHEDULER_COMMAND
    await desk.publisher.send_all([Outgoing(topic, command.site_id, command, event_id)])
