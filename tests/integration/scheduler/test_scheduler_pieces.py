"""Goal: a real worker stops what may wait for a greener hour, and lets it go on when that comes.

Method: a run that started in an hour of which the site then says that it is the dirtiest.
"""

from __future__ import annotations

import pytest
from hexi.common.v1 import common_pb2
from hexi.inventory.v1 import inventory_pb2
from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2
from hexi_contracts import topics
from hexi_kit import ids

pytestmark = pytest.mark.integration

HOUR_MS = 3_600_000
PLACED, EVICTED = place_pb2.PLACEMENT_STATE_PLACED, place_pb2.PLACEMENT_STATE_EVICTED
STARTED = place_pb2.PLACEMENT_STATE_STARTED
ENDED = workload_pb2.WORKLOAD_STATE_ENDED


async def submit(world, now_ms: int) -> str:
    name = ids.derive("pieces", world.run)
    spec = workload_pb2.WorkloadSpec(
        name="saves itself",
        replicas=1,
        resources=common_pb2.Resources(cpu_milli=1_000, memory_mib=64),
        constraints=workload_pb2.Constraints(site_ids=[world.site_id(0)]),
        interruptible=True,
        checkpoint_interval_s=60,
        duration_s=5 * 3_600,
        deadline_ms=now_ms + 40 * HOUR_MS,
    )
    workload = workload_pb2.Workload(workload_id=name, tenant_id="t", spec=spec)
    batch = route_pb2.SubmitBatch(workloads=[workload])
    partition = topics.SCHEDULER_REQUEST.partition_of(name)
    world.submitted.append(name)
    await world.ask([(partition, route_pb2.Request(submit=batch))])
    return name


async def forecast(world, revision: int, dirty: set[int]) -> None:
    site = inventory_pb2.Site(
        site_id=world.site_id(0),
        region="gansu",
        pue_milli=1_200,
        carbon_g_per_kwh_by_hour=[900 * (hour in dirty) for hour in range(24)],
        prices=[inventory_pb2.Price(class_id="general", price_micro_yuan=1)],
    )
    admitted = inventory_pb2.ADMISSION_STATE_ADMITTED
    recorded = inventory_pb2.SiteRecorded(site=site, revision=revision, state=admitted)
    await world.command(world.site_id(0), site=recorded)


async def test_a_run_is_stopped_before_a_dirty_hour_and_goes_on_after_it(world) -> None:
    world.start_worker("one")
    await world.open_sites(count=1)
    now_ms = world.clock.now_ms()
    hour = (now_ms // HOUR_MS + 8) % 24
    name = await submit(world, now_ms)
    await world.until(lambda: len(world.placements(PLACED)) == 1)
    await world.report(place_pb2.RUN_STATE_STARTED, world.placements(PLACED))
    await world.until(lambda: len(world.placements(STARTED)) == 1)

    await forecast(world, 2, {hour, (hour + 1) % 24})
    await world.until(lambda: len(world.placements(EVICTED)) == 1)
    await world.until(lambda: world.routes()[name].HasField("deferral"))

    (stopped,) = world.placements(EVICTED)
    deferral = world.routes()[name].deferral
    assert stopped.reason.startswith("paused: deferred until")
    assert now_ms < deferral.until_ms <= now_ms + 3 * HOUR_MS
    await forecast(world, 3, set())  # the sun is out after all
    await world.until(lambda: len(world.placements(PLACED)) == 1)
    await world.report(place_pb2.RUN_STATE_ENDED, world.placements(PLACED))
    await world.until(lambda: world.routes()[name].state == ENDED)
    assert world.wrong() == []
