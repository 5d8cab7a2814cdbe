"""Goal: whatever happens to a worker, every command is decided once and in order.

Method: real processes on the real broker are killed, frozen and doubled; the log is the witness.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest
from hexi_kit.ids import random_id
from hexi_kit.testing.journal_worker import WorkerOptions
from hexi_kit.testing.journal_world import JournalWorld

pytestmark = pytest.mark.integration


@pytest.fixture
async def world(kafka, tmp_path) -> AsyncIterator[JournalWorld]:
    supervisor = kafka.supervisor
    pki = supervisor.cert_path.parent
    options = WorkerOptions(random_id(), "", kafka.bootstrap, str(pki.parent), pki.name)
    async with JournalWorld(options, supervisor, tmp_path) as made:
        yield made


@pytest.mark.parametrize("seed", [1])
async def test_killed_at_any_moment(world: JournalWorld, seed: int) -> None:
    rng = random.Random(seed)
    await world.send(20_000)
    world.start_worker("one")
    for share in (1, 2):
        await world.until_decided(share * 5_000 + rng.randrange(2_000))
        world.kill("one")
        world.start_worker("one")

    await world.until_decided(20_000)
    await world.read_all()

    assert world.wrong() == []


@pytest.mark.parametrize("point", ["numbering.before_append:3", "numbering.after_append:3"])
async def test_killed_beside_the_commit(world: JournalWorld, point: str) -> None:
    await world.send(4_000)
    world.start_worker("one", faults=point)
    assert await world.exit_code("one") == -9
    world.start_worker("one")

    await world.until_decided(4_000)
    await world.read_all()

    assert world.wrong() == []


async def test_begins_behind_what_retention_took(world: JournalWorld) -> None:
    await world.send(400)
    await world.trim(40)
    world.start_worker("late", first=40)

    await world.until_decided(240)

    assert world.decided == {partition: list(range(40, 100)) for partition in range(4)}


async def test_a_frozen_owner_wakes_and_must_not_write(world: JournalWorld) -> None:
    world.start_worker("frozen")
    await world.send(2_000)
    await world.until_decided(2_000)
    await world.send(8_000)
    world.freeze("frozen")
    world.start_worker("heir")
    await world.until_decided(10_000)
    await world.send(1_000)
    await world.until_decided(11_000)

    world.wake("frozen")
    await world.send(1_000)
    await world.until_decided(12_000)
    await world.read_all()

    assert world.wrong() == []
    for fences in world.fences.values():
        assert [int(fence.split("/")[1]) for fence in fences] == list(range(len(fences)))


async def test_workers_come_and_go(world: JournalWorld) -> None:
    world.start_worker("one")
    await world.send(2_000)
    await world.until_decided(2_000)
    world.start_worker("two")
    await world.send(4_000)
    await world.until_fences(0, 2)
    await world.send(4_000)
    await world.until_decided(8_000)
    world.kill("one")
    await world.send(2_000)

    await world.until_decided(12_000)
    await world.read_all()

    assert world.wrong() == []
