"""Goal: a batch is refused whole with its reasons, or published whole with derived ids."""

import pytest
from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import scheduler_service_pb2, workload_pb2
from hexi_contracts import topics
from hexi_kit.errors import InvalidArgument, ResourceExhausted
from hexi_kit.kafka.record import Outgoing
from hexi_kit.testing.clock import ManualClock
from hexi_scheduler import handlers, wire_api
from hexi_scheduler.store.view import WorkloadView


class Outbox:
    """Keeps what was published."""

    def __init__(self) -> None:
        self.events: list[Outgoing] = []

    async def send_all(self, events) -> None:
        self.events += events


def spec(**changes) -> workload_pb2.WorkloadSpec:
    fields = {
        "name": "job",
        "replicas": 1,
        "resources": common_pb2.Resources(cpu_milli=1_000, memory_mib=512),
    }
    return workload_pb2.WorkloadSpec(**(fields | changes))


def request(*specs: workload_pb2.WorkloadSpec, key: str = "k1"):
    return scheduler_service_pb2.SubmitWorkloadsRequest(
        idempotency_key=key, tenant_id="acme", workloads=specs
    )


def desk() -> tuple[handlers.Desk, Outbox]:
    outbox = Outbox()
    return handlers.Desk(outbox, WorkloadView(), ManualClock(1_000)), outbox


async def test_the_same_key_gives_the_same_ids_and_another_key_others():
    counter, outbox = desk()

    first = await handlers.submit(counter, request(spec(), spec()), "")
    again = await handlers.submit(counter, request(spec(), spec()), "")
    other = await handlers.submit(counter, request(spec(), spec(), key="k2"), "")

    assert first == again
    assert not set(first) & set(other)
    assert len({event.event_id for event in outbox.events}) == 2


async def test_a_batch_lands_once_and_together_in_the_partition_of_its_ids():
    counter, outbox = desk()

    names = await handlers.submit(counter, request(*[spec()] * 2_000), "trace")

    landed = [
        (workload.workload_id, event.target, workload.traceparent)
        for event in outbox.events
        for workload in event.message.submit.workloads
    ]
    assert sorted(name for name, _, _ in landed) == sorted(names)
    assert all(topics.SCHEDULER_REQUEST.partition_of(n) == p for n, p, _ in landed)
    assert len({p for _, p, _ in landed}) == 1
    assert {trace for _, _, trace in landed} == {"trace"}


async def test_batches_spread_over_the_partitions():
    counter, outbox = desk()

    for number in range(200):
        await handlers.submit(counter, request(spec(), key=f"k{number}"), "")

    used = {event.topic.partition_of(event.key) for event in outbox.events}
    assert len(used) == topics.SCHEDULER_REQUEST.partitions


async def test_parts_stay_within_a_records_bounds():
    big = workload_pb2.Workload(workload_id="w", tenant_id="x" * 100_000)
    small = workload_pb2.Workload(workload_id="w")

    assert [len(p) for p in handlers.parts([big] * 20)] == [6, 6, 6, 2]
    assert [len(p) for p in handlers.parts([small] * 1_200)] == [500, 500, 200]


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (spec(replicas=0), "workloads[0].replicas"),
        (spec(priority=5_000), "workloads[0].priority"),
        (spec(resources=common_pb2.Resources()), "workloads[0].resources.cpu_milli"),
        (
            spec(resources=common_pb2.Resources(cpu_milli=1, accelerator_milli=500)),
            "workloads[0].resources.accelerators",
        ),
        (
            spec(constraints=workload_pb2.Constraints(latency_us_max=5)),
            "workloads[0].constraints.latency_region",
        ),
        (spec(command=workload_pb2.Command(argv=["a\0b"])), "workloads[0].command.argv[0]"),
        (spec(name="x" * 200), "workloads[0].name"),
        (spec(lease_id="no spaces"), "workloads[0].lease_id"),
    ],
)
def test_a_bad_spec_is_refused_with_its_field(bad, field):
    with pytest.raises(InvalidArgument) as refused:
        wire_api.check_submission(request(bad))

    assert field in {violation.field for violation in refused.value.violations}


async def test_who_submits_faster_than_route_decides_is_told_to_wait():
    counter, outbox = desk()
    full = handlers.UNDECIDED_MAX // 100
    for number in range(100):
        await handlers.submit(counter, request(*[spec()] * full, key=f"k{number}"), "")
    sent = len(outbox.events)

    with pytest.raises(ResourceExhausted) as refused:
        await handlers.submit(counter, request(spec(), key="more"), "")

    assert refused.value.retry_after_ms > 0
    assert len(outbox.events) == sent


def test_a_good_batch_passes_and_keeps_its_names():
    batch = request(spec(name="one"), spec(name="two"))

    wire_api.check_submission(batch)

    assert [w.name for w in batch.workloads] == ["one", "two"]
