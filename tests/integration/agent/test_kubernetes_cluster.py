"""Goal: what a Kubernetes API can do to a run is survived and told. Method: the real client against
a small imitation of the API, which fails the test where it is asked what it does not know."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hexi.scheduler.v1 import place_pb2, scheduler_service_pb2
from hexi_agent.testing.living import World
from hexi_agent.testing.small_kubernetes import SmallKubernetes
from hexi_kit.ids import derive

STARTED, ENDED = place_pb2.RUN_STATE_STARTED, place_pb2.RUN_STATE_ENDED
FAILED = place_pb2.RUN_STATE_FAILED_TO_START
Order = scheduler_service_pb2.Order
NAME = derive("a placement")


def shell(program: str, name: str = NAME, *, replicas: int = 1, image: str = "") -> Order:
    order = Order(placement_id=name, run=True)
    spec = order.workload.spec
    spec.replicas, spec.duration_s_max = replicas, 6_000
    spec.resources.cpu_milli, spec.resources.memory_mib = 500, 64
    spec.command.argv.extend(["/bin/sh", "-c", program])
    spec.command.image = image
    for _ in range(replicas):
        order.allocations.add(server=0)
    return order


def waiting_for(flag: Path, then: str = "echo went") -> str:
    return f"while ! test -e {flag}; do sleep 0.05; done; {then}"


async def test_a_job_made_by_a_life_that_forgot_it_is_not_made_again(
    kubernetes: SmallKubernetes, kubernetes_world: World, tmp_path: Path
) -> None:
    order = shell("sleep 1; echo once")
    async with kubernetes_world.living() as life:
        life.start(order)
        assert (await life.next()).state == STARTED
    (tmp_path / "submitted" / NAME).unlink()

    async with kubernetes_world.living() as life:
        life.start(order)
        ended = (await life.until_ended())[-1]

    assert (ended.exit_code, ended.output) == (0, b"once\n")
    assert kubernetes.created == 1


async def test_a_watch_that_is_too_old_is_begun_anew(
    kubernetes: SmallKubernetes, kubernetes_world: World, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    async with kubernetes_world.living() as life:
        life.start(shell(waiting_for(flag)))
        assert (await life.next()).state == STARTED
        kubernetes.compact()
        flag.touch()
        ended = await life.next()

    assert (ended.state, ended.exit_code, ended.output) == (ENDED, 0, b"went\n")


async def test_a_watch_that_is_cut_goes_on(
    kubernetes: SmallKubernetes, kubernetes_world: World, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    async with kubernetes_world.living() as life:
        life.start(shell(waiting_for(flag)))
        assert (await life.next()).state == STARTED
        kubernetes.cut()
        flag.touch()
        ended = await life.next()

    assert (ended.state, ended.exit_code) == (ENDED, 0)


async def test_an_api_that_stumbles_holds_things_up_and_loses_nothing(
    kubernetes: SmallKubernetes, kubernetes_world: World
) -> None:
    kubernetes.fail(500, 401, 429, 503)
    async with kubernetes_world.living() as life:
        life.start(shell("echo after all"))
        started, ended = await life.until_ended()

    assert (started.state, ended.output) == (STARTED, b"after all\n")
    assert kubernetes.created == 1


async def test_what_the_cluster_forbids_is_given_back(
    kubernetes: SmallKubernetes, kubernetes_world: World
) -> None:
    async with kubernetes_world.living() as life:
        life.start(shell("echo first", derive(1)))
        await life.until_ended()
        kubernetes.fail(403)
        life.start(shell("echo over quota"))
        failed = await life.next()

    assert failed.state == FAILED
    assert "403" in failed.reason


async def test_an_image_that_can_not_be_pulled_is_given_back_and_removed(
    kubernetes: SmallKubernetes, kubernetes_world: World
) -> None:
    async with kubernetes_world.living() as life:
        life.executor.keep_only(set())
        life.start(shell("true", image="missing/image:1"))
        while not any(pod.thing["status"]["phase"] == "Pending" for pod in kubernetes.pods()):
            await life.clock_tick()
        life.clock.advance(600_000)
        failed = await life.next()
        life.executor.stop(NAME)
        while kubernetes.manifests():
            await life.clock_tick()

    assert failed.state == FAILED
    assert "ImagePullBackOff" in failed.reason


async def test_the_first_replica_that_fails_tells_the_end_of_all(
    kubernetes: SmallKubernetes, kubernetes_world: World
) -> None:
    program = 'test "$JOB_COMPLETION_INDEX" = 1 && echo mine && exit 7; sleep 500'
    async with kubernetes_world.living() as life:
        life.start(shell(program, replicas=3))
        ended = (await life.until_ended())[-1]

    assert (ended.state, ended.exit_code, ended.output) == (ENDED, 7, b"mine\n")


async def test_a_job_somebody_deletes_is_lost_once(
    kubernetes: SmallKubernetes, kubernetes_world: World
) -> None:
    other = derive("other")
    order = shell("sleep 500")
    async with kubernetes_world.living() as life:
        life.start(order)
        assert (await life.next()).state == STARTED
        kubernetes.vanish(f"hexi-{NAME}")
        lost = await life.next()
        order.started = True
        life.start(order, shell("true", other))
        others = await life.until_ended()

    assert (lost.state, lost.reason, lost.exit_code) == (ENDED, "lost", -1)
    assert {one.placement_id for one in others} == {other}


async def test_a_name_that_belongs_to_a_stranger_is_left_alone(
    kubernetes: SmallKubernetes, kubernetes_world: World
) -> None:
    kubernetes.occupy(f"hexi-{NAME}")
    async with kubernetes_world.living() as life:
        life.executor.keep_only(set())
        life.start(shell("true"))
        failed = await life.next()

    assert failed.state == FAILED
    assert "belongs to somebody else" in failed.reason
    assert len(kubernetes.manifests()) == 1


async def test_many_jobs_are_one_list(kubernetes: SmallKubernetes, kubernetes_world: World) -> None:
    names = [derive(number) for number in range(20)]
    async with kubernetes_world.living() as life:
        life.start(*(shell("true", name) for name in names))
        ended: set[str] = set()
        while len(ended) < len(names):
            report = await life.next()
            ended |= {report.placement_id} if report.state == ENDED else set()

    async with kubernetes_world.living() as life:
        life.executor.keep_only(set())
        async with asyncio.timeout(60):
            while kubernetes.manifests():
                await life.clock_tick()

    assert ended == set(names)


@pytest.mark.parametrize("mount", ["data", "secrets"])
async def test_only_offered_volumes_are_mounted(
    kubernetes: SmallKubernetes, kubernetes_world: World, mount: str
) -> None:
    order = shell("true")
    order.workload.spec.command.mounts.add(source=mount, target="/data", read_only=True)
    async with kubernetes_world.living() as life:
        life.start(order)
        last = (await life.until_ended())[-1]

    assert (last.state == ENDED) == (mount == "data")
    assert bool(kubernetes.manifests()) == (mount == "data")
