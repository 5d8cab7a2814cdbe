"""Goal: from request to billing on the real broker, and nothing lost or doubled when it breaks.

Method: real worker processes are killed at named points, frozen, doubled; the audit of the demo
reads the logs afterwards.
"""

from __future__ import annotations

import asyncio
import signal

import pytest
from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2
from hexi_contracts import topics
from hexi_kit.kafka.ports import Partition, RawRecord

pytestmark = pytest.mark.integration

PLACED, STARTED, ENDED, EVICTED = (
    place_pb2.PLACEMENT_STATE_PLACED,
    place_pb2.PLACEMENT_STATE_STARTED,
    place_pb2.PLACEMENT_STATE_ENDED,
    place_pb2.PLACEMENT_STATE_EVICTED,
)
POINTS = [
    f"scheduler.{when}_{stage}_{what}"
    for stage in ("route", "place")
    for when, what in (("before", "append"), ("after", "append"), ("after", "owed"))
]


def over(world) -> bool:
    states = [route.state for route in world.routes().values()]
    return states.count(workload_pb2.WORKLOAD_STATE_ENDED) == len(world.submitted)


def billed(world) -> bool:
    """The end of a run and its usage come by different topics, and so in any order."""
    batches = [entry.value for entry in world.entries[topics.SCHEDULER_USAGE.name] if entry.value]
    known = {usage.placement_id for batch in batches for usage in batch.usages}
    return all(p.placement_id in known for p in world.placements(ENDED))


async def run_to_the_end(world) -> None:
    """Start and end whatever is placed, until every workload is over and billed."""
    count = len(world.submitted)
    await world.until(lambda: len(world.placements(PLACED, STARTED, ENDED)) >= count)
    await world.report(place_pb2.RUN_STATE_STARTED, world.placements(PLACED))
    await world.until(lambda: not world.placements(PLACED))
    await world.report(place_pb2.RUN_STATE_ENDED, world.placements(STARTED))
    await world.until(lambda: over(world) and billed(world))


async def test_from_request_to_usage(world) -> None:
    world.start_worker("one")
    # Room enough that no partition's share of the cheaper site runs out.
    await world.open_sites(servers=60)
    await world.submit(200)

    await run_to_the_end(world)

    assert world.wrong() == []
    assert {p.price_micro_yuan for p in world.placements(ENDED)} == {100}


@pytest.mark.parametrize("point", POINTS)
async def test_killed_at_a_named_point(world, point: str) -> None:
    async def revive() -> None:
        assert await world.exit_code("one") == -signal.SIGKILL
        world.start_worker("one")

    async def work() -> None:
        await world.submit(100, requests=5)
        # Twice, since one turn may carry all that it finds.
        await world.until(lambda: len(world.placements(PLACED)) == 100)
        await world.submit(100, requests=5)
        await run_to_the_end(world)

    await world.open_sites()
    world.start_worker("one", faults=f"{point}:2")

    await asyncio.gather(revive(), work())

    assert world.wrong() == []


async def test_more_than_fits_waits_and_moves_up_when_room_comes(world) -> None:
    world.start_worker("one")
    await world.open_sites(count=1, servers=2)
    await world.submit(5, requests=1, cpu_milli=8_000)
    waiting = workload_pb2.WORKLOAD_STATE_WAITING
    await world.until(lambda: len(world.placements(PLACED)) == 4)
    await world.until(lambda: [r.state for r in world.routes().values()].count(waiting) == 1)

    await world.report(place_pb2.RUN_STATE_ENDED, world.placements(PLACED)[:1])
    await world.until(lambda: len(world.placements(PLACED)) == 4)
    await run_to_the_end(world)

    assert world.wrong() == []


async def test_a_quarantined_rack_is_emptied_and_its_work_goes_elsewhere(world) -> None:
    world.start_worker("one")
    await world.open_sites(count=1, servers=4)
    await world.submit(30)
    await world.until(lambda: len(world.placements(PLACED)) == 30)

    site_id = world.site_id(0)
    directive = place_pb2.QuarantineDirected(directive_id="d", active=True, racks=["r1"])
    await world.command(site_id, quarantine=directive)
    await world.until(lambda: len(world.placements(EVICTED)) >= 1)
    await world.until(lambda: len(world.placements(PLACED)) == 30)

    assert {a.server % 2 for p in world.placements(PLACED) for a in p.allocations} == {0}
    assert world.wrong() == []


async def test_cancelled_work_is_released_and_ends_as_cancelled(world) -> None:
    world.start_worker("one")
    await world.open_sites(count=1, servers=2)
    (name,) = await world.submit(1)
    await world.until(lambda: len(world.placements(PLACED)) == 1)

    wish = route_pb2.CancelRequested(workload_id=name, tenant_id="t")
    partition = topics.SCHEDULER_REQUEST.partition_of(name)
    await world.ask([(partition, route_pb2.Request(cancel=wish))])
    cancelled = workload_pb2.WORKLOAD_STATE_CANCELLED
    await world.until(lambda: world.routes()[name].state == cancelled)

    assert [p.reason for p in world.placements(EVICTED)] == ["cancelled"]
    assert world.wrong() == []


async def test_hot_servers_take_nothing_new_until_they_are_cool(world) -> None:
    world.start_worker("one")
    await world.open_sites(count=1, servers=4)
    await world.submit(1)
    await world.until(lambda: len(world.placements(PLACED)) == 1)

    await world.frame(sequence=1, inlet_c=[20.0, 40.0, 40.0, 20.0])
    await world.until(lambda: world.out(place_pb2.SERVER_CONDITION_HOT) == [1, 2])
    await world.submit(30)
    await world.until(lambda: len(world.placements(PLACED)) == 31)
    assert {a.server for p in world.placements(PLACED) for a in p.allocations} <= {0, 3}

    await world.frame(sequence=2, inlet_c=[20.0, 20.0, 33.0, 20.0])
    await world.until(lambda: world.out(place_pb2.SERVER_CONDITION_HOT) == [2])
    assert world.wrong() == []


async def test_a_lease_keeps_room_for_its_tenant_at_its_price(world) -> None:
    world.start_worker("one")
    await world.open_sites(count=1, servers=1)
    lease_id = await world.lease(units=8, price_micro_yuan=7)
    await world.until(lambda: world.leases() == [lease_id])

    plain = await world.submit(12, requests=1)
    await world.until(lambda: len(world.placements(PLACED)) == 8)
    waiting = workload_pb2.WORKLOAD_STATE_WAITING
    await world.until(lambda: [r.state for r in world.routes().values()].count(waiting) == 4)
    await world.submit(8, requests=1, lease_id=lease_id)
    await world.until(lambda: len(world.placements(PLACED)) == 16)

    by_price = sorted(p.price_micro_yuan for p in world.placements(PLACED))
    assert by_price == [7] * 8 + [100] * 8
    assert len(plain) == 12
    assert world.wrong() == []


async def test_garbage_becomes_a_dead_letter_and_the_rest_goes_on(world) -> None:
    world.start_worker("one")
    await world.open_sites()
    for topic in (topics.SCHEDULER_REQUEST, topics.SCHEDULER_COMMAND, topics.TELEMETRY_FRAME):
        for value in (b"\xff garbage", None, b""):
            await world.producer.send_raw(RawRecord(Partition(topic.name, 3), b"k", value))
    await world.submit(50)

    await run_to_the_end(world)

    assert world.wrong() == []


async def test_a_second_worker_takes_its_share_and_the_first_may_die(world) -> None:
    world.start_worker("one")
    await world.open_sites(count=3)
    await world.submit(100)
    await world.until(lambda: len(world.placements(PLACED)) >= 50)
    world.start_worker("two")
    await world.submit(200, requests=20)
    await world.until(lambda: len(world.placements(PLACED)) >= 200)
    world.kill("one")
    await world.submit(100)

    await run_to_the_end(world)

    assert world.wrong() == []


async def test_a_frozen_owner_that_wakes_writes_nothing(world) -> None:
    world.start_worker("frozen")
    await world.open_sites()
    await world.submit(100)
    await world.until(lambda: len(world.placements(PLACED)) == 100)
    await world.submit(100, requests=5)
    world.signal("frozen", signal.SIGSTOP)
    world.start_worker("heir")
    await world.until(lambda: len(world.placements(PLACED)) == 200)

    world.signal("frozen", signal.SIGCONT)
    await world.submit(100)
    await run_to_the_end(world)

    assert world.wrong() == []
