"""Goal: a lost site's work runs elsewhere, once, and a drained rack empties, on the real broker.

Method: the worker is killed between the loss and the reports of it; the audit reads the logs.
"""

from __future__ import annotations

import asyncio
import signal
import urllib.request

import pytest
from hexi.scheduler.v1 import place_pb2
from hexi_local.network import free_ports
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.integration

PLACED, EVICTED = place_pb2.PLACEMENT_STATE_PLACED, place_pb2.PLACEMENT_STATE_EVICTED


async def test_a_lost_sites_work_is_placed_once_though_the_worker_is_killed_at_it(world) -> None:
    async def revive() -> None:
        assert await world.exit_code("one") == -signal.SIGKILL
        world.start_worker("one")

    world.start_worker("one")
    await world.open_sites(count=2)
    await world.submit(60)
    await world.until(lambda: len(world.placements(PLACED)) == 60)
    # Whichever was heard first has got the most.
    lost = world.placements(PLACED)[0].site_id
    (other,) = {world.site_id(0), world.site_id(1)} - {lost}
    there = [p for p in world.placements(PLACED) if p.site_id == lost]
    world.kill("one")
    world.start_worker("one", faults="scheduler.after_place_append:1")

    loss = place_pb2.SiteLossDeclared(lost=True, lost_at_ms=1, declared=True, reason="flood")
    await asyncio.gather(revive(), world.command(lost, loss=loss))

    await world.until(lambda: len(world.placements(EVICTED)) == len(there))
    await world.until(lambda: len(world.placements(PLACED)) == 60)
    assert {p.site_id for p in world.placements(PLACED)} == {other}
    names = [p.workload.workload_id for p in world.placements(PLACED)]
    assert len(set(names)) == 60
    assert world.wrong() == []


async def test_a_drained_rack_is_emptied_at_once_where_no_grace_is_given(world) -> None:
    world.start_worker("one")
    await world.open_sites(count=1, servers=4)
    await world.submit(30)
    await world.until(lambda: len(world.placements(PLACED)) == 30)

    drain = place_pb2.DrainRequested(drain_id="d", active=True, racks=["r1"], reason="fans")
    await world.command(world.site_id(0), drain=drain)
    await world.until(lambda: len(world.placements(EVICTED)) >= 1)
    await world.until(lambda: len(world.placements(PLACED)) == 30)

    assert {a.server % 2 for p in world.placements(PLACED) for a in p.allocations} == {0}
    assert world.wrong() == []


async def test_what_a_lost_site_gave_up_and_what_was_saved_stands_on_the_metrics_page(
    world,
) -> None:
    page = f"127.0.0.1:{free_ports(1)[0]}"

    def figures() -> tuple[float, float, float]:
        with urllib.request.urlopen(f"http://{page}/metrics", timeout=5) as answer:
            families = text_string_to_metric_families(answer.read().decode())
        found = {sample.name: sample.value for family in families for sample in family.samples}
        lost, rescued = "scheduler_placements_lost_total", "scheduler_placements_rescued_total"
        unsaved = found.get("scheduler_workloads_unsaved", 0)
        return found.get(lost, 0), found.get(rescued, 0), unsaved

    world.start_worker("one", metrics_listen=page)
    await world.open_sites(count=2)
    await world.submit(40)
    await world.until(lambda: len(world.placements(PLACED)) == 40)
    there = sum(p.site_id == world.site_id(0) for p in world.placements(PLACED))
    loss = place_pb2.SiteLossDeclared(lost=True, lost_at_ms=1, declared=True, reason="flood")

    await world.command(world.site_id(0), loss=loss)
    await world.until(lambda: {p.site_id for p in world.placements(PLACED)} == {world.site_id(1)})
    await world.until(lambda: len(world.placements(PLACED)) == 40)
    assert figures() == (there, there, 0)
    await world.command(world.site_id(1), loss=loss)
    await world.until(lambda: figures() == (there + 40, there, 40))
