"""Goal: whoever runs real programs keeps the same promises. Method: one suite, all executors;
Slurm is a real one where it is installed, Kubernetes a small imitation of its API."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hexi.scheduler.v1 import place_pb2, scheduler_service_pb2, workload_pb2
from hexi_agent.testing.living import World
from hexi_kit.ids import derive

STARTED, ENDED = place_pb2.RUN_STATE_STARTED, place_pb2.RUN_STATE_ENDED
FAILED = place_pb2.RUN_STATE_FAILED_TO_START


def order(*argv: str, name: str, most_s: int = 600) -> scheduler_service_pb2.Order:
    placed = scheduler_service_pb2.Order(placement_id=name, run=True)
    spec = placed.workload.spec
    command = workload_pb2.Command(argv=argv, environment={"GREETING": "ni 'hao' $(id) $HOME"})
    spec.CopyFrom(workload_pb2.WorkloadSpec(duration_s_max=most_s, replicas=1, command=command))
    spec.resources.cpu_milli, spec.resources.memory_mib = 1_000, 256
    placed.allocations.add(server=0)
    return placed


def python(program: str, name: str, **options: int) -> scheduler_service_pb2.Order:
    return order(sys.executable, "-c", program, name=name, **options)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """One cluster serves every test: no two of them use the same placement."""
    return derive(request.node.nodeid)


async def test_a_program_runs_and_its_end_is_told(world: World, name: str) -> None:
    program = "import os,sys; print(os.environ['GREETING']); sys.exit(3)"
    async with world.living() as life:
        life.start(python(program, name))
        started, ended = await life.until_ended()

    assert (started.state, ended.state) == (STARTED, ENDED)
    assert (ended.exit_code, ended.reason) == (3, "")
    assert ended.output.decode() == "ni 'hao' $(id) $HOME\n"


async def test_arguments_arrive_as_they_were_given(world: World, name: str) -> None:
    nasty = [
        "a b",
        "line\nbreak",
        "$(id)`id`$HOME$$",
        "'\"\\",
        "",
        "--time=1",
        "; id",
        "%j",
        "河西",
    ]
    async with world.living() as life:
        life.start(
            order(sys.executable, "-c", "import sys; print(sys.argv[1:])", *nasty, name=name)
        )
        ended = (await life.until_ended())[-1]

    assert ended.output.decode() == f"{nasty}\n"


async def test_a_run_is_never_started_twice(world: World, name: str, tmp_path: Path) -> None:
    count = tmp_path / "count"
    again = python(f"open({str(count)!r}, 'a').write('x')", name)
    async with world.living() as life:
        life.start(again, again)
        first = (await life.until_ended())[-1]
    async with world.living() as life:
        life.start(again)
        second = (await life.until_ended())[-1]

    assert count.read_text() == "x"
    assert (first.state, second.state) == (ENDED, ENDED)
    assert {first.exit_code, second.exit_code} == {0}


async def test_a_run_taken_back_is_stopped(world: World, name: str) -> None:
    async with world.living() as life:
        life.start(python("import time; time.sleep(500)", name))
        assert (await life.next()).state == STARTED
        life.executor.stop(name)
        ended = await life.next()

    assert (ended.state, ended.reason) == (ENDED, "taken back")
    assert ended.exit_code != 0


async def test_the_whole_picture_stops_what_is_not_in_it(world: World, name: str) -> None:
    async with world.living() as life:
        life.start(python("import time; time.sleep(500)", name))
        assert (await life.next()).state == STARTED
        life.executor.keep_only(set())
        ended = await life.next()

    assert (ended.placement_id, ended.reason) == (name, "taken back")


async def test_wall_time_goes_by_the_clock_of_the_province(world: World, name: str) -> None:
    async with world.living() as life:
        life.start(python("import time; print('up', flush=True); time.sleep(500)", name, most_s=60))
        assert (await life.next()).state == STARTED
        life.clock.advance(60_000)
        ended = await life.next()

    assert (ended.exit_code, ended.reason) == (124, "duration_s_max reached")


async def test_a_running_program_is_found_again_by_the_next_life(
    world: World, name: str, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    wait = python(
        f"import os,time\nwhile not os.path.exists({str(flag)!r}): time.sleep(.05)\nprint('went')",
        name,
    )
    async with world.living() as life:
        life.start(wait)
        assert (await life.next()).state == STARTED

    async with world.living() as life:
        wait.started, wait.started_at_ms = True, world.clock.now_ms()
        life.start(wait)
        life.executor.keep_only({name})
        flag.touch()
        (ended,) = await life.until_ended()

    assert (ended.state, ended.exit_code, ended.output) == (ENDED, 0, b"went\n")


async def test_much_output_is_bounded_and_blocks_nobody(world: World, name: str) -> None:
    much = python("print('y' * 300_000)", name)
    much.workload.spec.command.output_bytes_max = 100
    async with world.living() as life:
        life.start(much)
        ended = (await life.until_ended())[-1]

    assert (len(ended.output), ended.output_truncated, ended.exit_code) == (100, True, 0)


@pytest.mark.parametrize("bad", [(), ("a=b",), ("a\0b",)])
async def test_what_can_not_be_run_is_not(world: World, name: str, bad: tuple[str, ...]) -> None:
    async with world.living() as life:
        life.start(order(*bad, name=name))
        last = (await life.until_ended())[-1]

    assert last.state == FAILED or last.exit_code != 0
    assert last.reason


async def test_a_program_that_is_not_there_has_failed(world: World, name: str) -> None:
    async with world.living() as life:
        life.start(order("/no/such/program", name=name))
        ended = (await life.until_ended())[-1]

    assert (ended.state, ended.exit_code in (127, 128)) == (ENDED, True)


async def test_many_run_side_by_side(world: World, name: str) -> None:
    names = [derive(name, number) for number in range(6)]
    async with world.living() as life:
        life.start(*(python(f"print({number})", one) for number, one in enumerate(names)))
        reports = [await life.next() for _ in range(2 * len(names))]

    ends = {one.placement_id: one.output for one in reports if one.state == ENDED}
    assert ends == {one: f"{number}\n".encode() for number, one in enumerate(names)}
