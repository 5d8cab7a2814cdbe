"""Requests laid ready as bytes, written straight to the topic: a sender that costs little."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from hexi.scheduler.v1 import route_pb2, workload_pb2
from hexi_contracts import topics
from hexi_kit import ids
from hexi_kit.kafka.ports import Publisher
from hexi_kit.kafka.record import Outgoing
from hexi_scheduler.settings import templates
from hexi_scheduler.wire.template import fill

from tests.bench.province import TENANT

Specs = Callable[[int], list[workload_pb2.WorkloadSpec]]


class Ready(NamedTuple):
    """One request as the api would have written it, and the placements that must come of it."""

    key: str
    body: bytes
    placements: tuple[str, ...]


def laid_ready(name: str, specs: Specs, size: int, at_ms: Iterator[int]) -> Iterator[Ready]:
    """A request for each moment, filled from the templates as of then."""
    known = templates()
    for number, now_ms in enumerate(at_ms):
        batch = ids.derive("bench", name, number)
        workloads = [
            workload_pb2.Workload(
                workload_id=f"{batch}:{index}",
                tenant_id=TENANT,
                spec=spec,
                submitted_at_ms=now_ms,
            )
            for index, spec in enumerate(specs(size))
        ]
        for workload in workloads:
            fill(known, workload.spec, now_ms)
        request = route_pb2.Request(submit=route_pb2.SubmitBatch(workloads=workloads))
        placements = tuple(ids.derive("placement", w.workload_id, 1) for w in workloads)
        yield Ready(workloads[0].workload_id, request.SerializeToString(), placements)


async def send(publisher: Publisher, ready: Ready, now_ms: int) -> None:
    """Returns when the broker has it."""
    head = route_pb2.Request(recorded_at_ms=now_ms).SerializeToString()
    event_id = ids.derive("submit", ready.key)
    request = Outgoing(topics.SCHEDULER_REQUEST, ready.key, head + ready.body, event_id)
    await publisher.send_all([request])
