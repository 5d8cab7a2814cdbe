"""Records the histories that are replayed for ever: `./task replay:record` makes all anew.

Each is a run of real workers on a real broker, with the same commands every time; what the workers
make of them, and where the kills cut, is theirs. Run it when behaviour has changed on purpose.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from hexi.common.v1 import common_pb2  # noqa: E402 - the path stands above
from hexi.scheduler.v1 import place_pb2, route_pb2, workload_pb2  # noqa: E402 - as above
from hexi_contracts import topics  # noqa: E402 - as above
from hexi_kit import ids  # noqa: E402 - as above
from hexi_local.kafka import EmbeddedKafka  # noqa: E402 - as above
from hexi_sim.replay.broker_log import open_broker  # noqa: E402 - as above
from hexi_sim.replay.history import export  # noqa: E402 - as above

from tests.integration.scheduler.conftest import World  # noqa: E402 - as above

HISTORIES = Path(__file__).parent / "histories"
PLACED, STARTED, EVICTED = (
    place_pb2.PLACEMENT_STATE_PLACED,
    place_pb2.PLACEMENT_STATE_STARTED,
    place_pb2.PLACEMENT_STATE_EVICTED,
)
Play = Callable[[World], Awaitable[None]]


async def submit(world: World, specs: Sequence[workload_pb2.WorkloadSpec]) -> None:
    """One request a workload, for the sites of this world."""
    for number, spec in enumerate(specs):
        name = ids.derive("history", world.run, len(world.submitted), number)
        spec.constraints.site_ids.extend(world.site_id(n) for n in range(9))
        workload = workload_pb2.Workload(
            workload_id=name, tenant_id="t", spec=spec, submitted_at_ms=world.clock.now_ms()
        )
        partition = topics.SCHEDULER_REQUEST.partition_of(name)
        batch = route_pb2.SubmitBatch(workloads=[workload])
        await world.ask([(partition, route_pb2.Request(submit=batch))])
        world.submitted.append(name)


def spec_of(cpu_milli: int, replicas: int = 1, lease_id: str = "") -> workload_pb2.WorkloadSpec:
    return workload_pb2.WorkloadSpec(
        name="history",
        replicas=replicas,
        lease_id=lease_id,
        resources=common_pb2.Resources(cpu_milli=cpu_milli, memory_mib=256),
    )


async def end_all(world: World) -> None:
    """Start and end whatever is placed, and what moves up behind it."""
    while live := {p.placement_id for p in world.placements(PLACED, STARTED)}:
        for state in (place_pb2.RUN_STATE_STARTED, place_pb2.RUN_STATE_ENDED):
            chosen = [p for p in world.placements(PLACED, STARTED) if p.placement_id in live]
            await world.report(state, chosen)
        await world.until(
            lambda live=live: not live & {p.placement_id for p in world.placements(PLACED, STARTED)}
        )


async def kills(world: World) -> None:
    """Killed at named points, joined by a second worker, which is killed as well."""
    await world.open_sites(count=3)
    world.start_worker("one", faults="scheduler.after_place_append:4")
    await world.submit(40, requests=8)
    await world.exit_code("one")
    world.start_worker("one", faults="scheduler.after_route_append:3")
    await world.submit(40, requests=8)
    await world.exit_code("one")
    world.start_worker("one")
    await world.until(lambda: len(world.placements(PLACED)) == 80)
    world.start_worker("two")
    await world.submit(40, requests=8)
    await world.until(lambda: len(world.placements(PLACED)) == 120)
    world.kill("one")
    await world.submit(30, requests=3)
    await world.until(lambda: len(world.placements(PLACED)) == 150)
    await end_all(world)


async def quarantine(world: World) -> None:
    """Racks close and open, hot servers take nothing, what is evicted moves or waits."""
    world.start_worker("one")
    await world.open_sites(count=2, servers=4)
    await submit(world, [spec_of(4_000) for _ in range(20)])
    await world.until(lambda: len(world.placements(PLACED)) == 20)
    await world.report(place_pb2.RUN_STATE_STARTED, world.placements(PLACED)[:10])
    await world.frame(sequence=1, inlet_c=[20.0, 40.0, 20.0, 20.0])
    await world.until(lambda: world.out(place_pb2.SERVER_CONDITION_HOT) == [1])
    for active in (True, False):
        directive = place_pb2.QuarantineDirected(
            directive_id="d", active=active, racks=["r1"], reason="found"
        )
        await world.command(world.site_id(0), quarantine=directive)
    await world.until(lambda: len(world.placements(EVICTED)) >= 4)
    await world.until(lambda: len(world.placements(PLACED, STARTED)) >= 18)
    await world.frame(sequence=2, inlet_c=[20.0, 20.0, 20.0, 20.0])
    await world.until(lambda: world.out(place_pb2.SERVER_CONDITION_HOT) == [])
    await world.until(lambda: len(world.placements(PLACED, STARTED)) == 20)
    await end_all(world)


async def leases(world: World) -> None:
    """A lease keeps room for its tenant; gangs are placed whole or wait; time closes windows."""
    world.start_worker("one")
    await world.open_sites(count=2, servers=3)
    lease_id = await world.lease(units=16, price_micro_yuan=7)
    await world.until(lambda: world.leases() == [lease_id])
    await submit(world, [spec_of(8_000, replicas=3), spec_of(10_000, replicas=4)])
    await submit(world, [spec_of(2_000) for _ in range(12)])
    await submit(world, [spec_of(4_000, lease_id=lease_id) for _ in range(4)])
    await world.until(lambda: len(world.placements(PLACED)) >= 12)
    await world.report(place_pb2.RUN_STATE_STARTED, world.placements(PLACED))
    await world.until(lambda: len(world.placements(STARTED)) >= 12)
    later_ms = world.clock.now_ms() + 2 * 3_600_000
    for n in range(2):
        await world.command(world.site_id(n), tick=place_pb2.Ticked(now_ms=later_ms))
    await world.report(place_pb2.RUN_STATE_ENDED, world.placements(STARTED)[:8])
    await submit(world, [spec_of(6_000, replicas=2)])
    await world.until(lambda: len(world.routes()) == len(world.submitted))
    await end_all(world)


async def record(name: str, play: Play) -> None:
    """One history: a fresh broker, the play, then its logs as segments."""
    with tempfile.TemporaryDirectory(prefix="hexi-") as folder:
        root = Path(folder)
        kafka = EmbeddedKafka(root, root / "pki")
        await kafka.start()
        try:
            world = World(kafka, root)
            world.run = name
            async with world:
                await play(world)
            target = HISTORIES / name
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            async with open_broker(kafka.bootstrap, kafka.supervisor) as history:
                counts = await export(history, target)
            size = sum(path.stat().st_size for path in target.iterdir())
            print(name, f"{size // 1024} KiB", counts)
        finally:
            await kafka.stop()


def main(names: Sequence[str]) -> None:
    plays: dict[str, Play] = {"kills": kills, "quarantine": quarantine, "leases": leases}
    for name in names or plays:
        asyncio.run(record(name, plays[name]))


if __name__ == "__main__":
    main(sys.argv[1:])
