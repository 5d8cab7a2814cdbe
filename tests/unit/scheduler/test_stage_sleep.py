"""Goal: a recovered partition costs nothing until somebody needs it, and nobody waits for others.

Method: the real stage of PLACE over a journal in memory, with two partitions of one site each.
"""

from __future__ import annotations

import asyncio

from hexi.common.v1 import common_pb2
from hexi.inventory.v1 import inventory_pb2
from hexi.scheduler.v1 import place_pb2, workload_pb2
from hexi_contracts import topics
from hexi_kit.kafka.record import Record
from hexi_kit.testing.clock import ManualClock
from hexi_scheduler.stream.stage import WAKE_AFTER_S, StageParts
from hexi_scheduler.wire import place_journal
from hexi_scheduler.wire.facts import server_set, site_facts
from hexi_sim.memory import MemoryJournal, Outbox
from hexi_sim.stages import chosen, place_stage

COMMAND, PLACEMENT = topics.SCHEDULER_COMMAND, topics.SCHEDULER_PLACEMENT
SITES = ("lanzhou", "qingyang")
PARTITIONS = tuple(COMMAND.partition_of(site) for site in SITES)
HEADERS = {"ce_type": COMMAND.ce_type.encode(), "ce_specversion": b"1.0"}


def journal_of(site_id: str) -> dict[bytes, bytes]:
    site = inventory_pb2.Site(site_id=site_id, region="gansu")
    recorded = inventory_pb2.SiteRecorded(
        site=site, revision=1, state=inventory_pb2.ADMISSION_STATE_ADMITTED
    )
    servers = inventory_pb2.ServerSet(
        site_id=site_id,
        revision=1,
        racks=["r0"],
        rack_index=[0],
        cpu_milli=[16_000],
        memory_mib=[65_536],
        accelerators=[0],
    )
    events = (site_facts(recorded), server_set(servers))
    return dict(place_journal.entries(site_id, events, COMMAND.partition_of(site_id), 0))


def place(site_id: str, name: str, offset: int) -> Record:
    spec = workload_pb2.WorkloadSpec(
        replicas=1, resources=common_pb2.Resources(cpu_milli=1_000, memory_mib=1)
    )
    item = place_pb2.PlaceItem(
        placement_id=name,
        attempt=1,
        workload=workload_pb2.Workload(workload_id=name, tenant_id="t", spec=spec),
    )
    said = place_pb2.SiteCommand(
        site_id=site_id, recorded_at_ms=1, place=place_pb2.PlaceBatch(items=[item])
    )
    value = said.SerializeToString()
    return Record(COMMAND.name, COMMAND.partition_of(site_id), offset, b"", value, HEADERS)


class World:
    """A stage whose two partitions have been recovered and sleep."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.written: list[tuple[int, bytes, tuple[bool, ...]]] = []
        journal = MemoryJournal(PLACEMENT, self._hear)
        parts = StageParts(journal, Outbox(lambda _: None), None, self.clock)
        self.woken: list[str] = []
        self.stage = place_stage(parts, self.clock, chosen({}), self.woken.append)
        for site_id, partition in zip(SITES, PARTITIONS, strict=True):
            self.stage.recover(partition, journal_of(site_id))

    def _hear(self, partition: int, entries) -> None:
        asleep = tuple(self.stage.sleeps(p) for p in PARTITIONS)
        self.written += [(partition, entry[0], asleep) for entry in entries]


async def test_a_command_wakes_its_own_partition_alone() -> None:
    world = World()

    await world.stage.handle({PARTITIONS[0]: [place(SITES[0], "p", 1)]})

    assert world.woken == [SITES[0], SITES[0]]  # woken, and changed
    assert [p for p in PARTITIONS if world.stage.sleeps(p)] == [PARTITIONS[1]]
    assert [key for _, key, _ in world.written] == [b"lanzhou/p/p"]


async def test_what_one_partition_decided_does_not_wait_for_another_to_wake() -> None:
    world = World()
    await world.stage.handle({PARTITIONS[1]: [place(SITES[1], "a", 1)]})

    await world.stage.handle(
        {
            PARTITIONS[0]: [place(SITES[0], "b", 1)],
            PARTITIONS[1]: [place(SITES[1], "c", 2)],
        }
    )

    _, of_awake, of_sleeper = world.written
    assert of_awake[1:] == (b"qingyang/p/c", (True, False))
    assert of_sleeper[1] == b"lanzhou/p/b"


async def test_asking_for_a_site_wakes_it() -> None:
    world = World()

    site = world.stage.site(SITES[1])

    assert site is not None and site.facts is not None
    assert [site.site_id for site in world.stage.sites()] == [SITES[1]]


async def test_the_others_wake_in_time_and_what_is_released_does_not() -> None:
    world = World()
    world.stage.release(PARTITIONS[1])
    waking = asyncio.create_task(world.stage.wake())

    await world.clock.until_sleepers(1)
    assert list(world.stage.sites()) == []
    world.clock.advance(int(WAKE_AFTER_S * 1_000))
    await world.clock.until_sleepers(1)

    assert [site.site_id for site in world.stage.sites()] == [SITES[0]]
    waking.cancel()


async def test_a_partition_recovered_anew_sleeps_again() -> None:
    world = World()
    world.stage.own(PARTITIONS[0])

    world.stage.recover(PARTITIONS[0], journal_of(SITES[0]))

    assert world.stage.sleeps(PARTITIONS[0])
    assert world.stage.own(PARTITIONS[0]).decided == 0
