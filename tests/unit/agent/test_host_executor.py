"""Goal: real processes run once, within their limits, and are found again. Method: real ones."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from hexi.scheduler.v1 import place_pb2, scheduler_service_pb2, workload_pb2
from hexi_agent.executors import shim
from hexi_agent.executors.folder import RunFolder
from hexi_agent.executors.host import HostExecutor
from hexi_kit.clock import SystemClock
from hexi_kit.testing.clock import ManualClock

STARTED, ENDED = place_pb2.RUN_STATE_STARTED, place_pb2.RUN_STATE_ENDED
FAILED = place_pb2.RUN_STATE_FAILED_TO_START
Report = place_pb2.RunReport


class Life:
    """One life of an agent's host executor; its reports come out of a queue."""

    def __init__(self, folder: Path, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.reports: asyncio.Queue[Report] = asyncio.Queue()
        self.executor = HostExecutor(folder, self.clock, SystemClock(), self.reports.put_nowait)

    async def next(self) -> Report:
        return await asyncio.wait_for(self.reports.get(), 30)

    async def gone(self) -> None:
        """Until every shim of this life is gone."""
        for run in list(self.executor._runs.values()):
            await asyncio.to_thread(run.process.wait)

    async def until_ended(self) -> list[Report]:
        found = [await self.next()]
        while found[-1].state == STARTED:
            found.append(await self.next())
        return found


@asynccontextmanager
async def living(folder: Path, clock: ManualClock | None = None) -> AsyncIterator[Life]:
    life = Life(folder, clock)
    task = asyncio.create_task(life.executor.run())
    try:
        yield life
    finally:
        task.cancel()


def order(
    *argv: str, name: str = "p1", memory_mib: int = 256, most_s: int = 600, output_max: int = 0
) -> scheduler_service_pb2.Order:
    placed = scheduler_service_pb2.Order(placement_id=name, run=True, executor="host")
    spec = placed.workload.spec
    spec.CopyFrom(
        workload_pb2.WorkloadSpec(
            duration_s_max=most_s,
            command=workload_pb2.Command(
                argv=argv, environment={"GREETING": "nihao"}, output_bytes_max=output_max
            ),
        )
    )
    spec.resources.cpu_milli, spec.resources.memory_mib = 1_000, memory_mib
    return placed


def python(program: str, **options: int | str) -> scheduler_service_pb2.Order:
    return order(sys.executable, "-c", program, **options)


async def test_a_process_runs_and_its_end_is_told(tmp_path: Path) -> None:
    program = "import os,sys; print(os.environ['GREETING'], os.getcwd()); sys.exit(3)"
    async with living(tmp_path) as life:
        life.executor.start(python(program))
        started, ended = await life.until_ended()

    assert (started.state, ended.state) == (STARTED, ENDED)
    assert (ended.exit_code, ended.reason) == (3, "")
    assert ended.output.decode() == f"nihao {tmp_path}/p1/scratch\n"
    assert ended.cpu_us > 0


async def test_it_sees_nothing_of_our_environment(tmp_path: Path) -> None:
    async with living(tmp_path) as life:
        life.executor.start(python("import os; print(sorted(os.environ))"))
        ended = (await life.until_ended())[-1]

    assert ended.output.decode().strip().replace("'LC_CTYPE', ", "") == str(
        ["GREETING", "HOME", "LANG", "PATH", "TMPDIR"]
    )


async def test_a_run_is_never_started_twice(tmp_path: Path) -> None:
    count = tmp_path / "count"
    again = python(f"open({str(count)!r}, 'a').write('x')")
    folder = tmp_path / "runs"
    async with living(folder) as life:
        life.executor.start(again)
        life.executor.start(again)
        first = (await life.until_ended())[-1]
        life.executor.start(again)
        second = (await life.until_ended())[-1]
    async with living(folder) as life:
        life.executor.start(again)
        third = (await life.until_ended())[-1]

    assert count.read_text() == "x"
    assert {first.exit_code, second.exit_code, third.exit_code} == {0}


async def test_memory_beyond_the_limit_is_not_given(tmp_path: Path) -> None:
    async with living(tmp_path) as life:
        life.executor.start(python("x = bytearray(400 << 20)", memory_mib=128))
        ended = (await life.until_ended())[-1]

    assert ended.exit_code == 1
    assert b"MemoryError" in ended.output


async def test_cpu_beyond_the_limit_ends_it(tmp_path: Path) -> None:
    async with living(tmp_path) as life:
        life.executor.start(python("while True: pass", most_s=1))
        ended = (await life.until_ended())[-1]

    assert ended.exit_code in (124, 128 + signal.SIGXCPU)
    assert ended.cpu_us < 3_000_000


async def test_wall_time_goes_by_the_clock_of_the_province(tmp_path: Path) -> None:
    async with living(tmp_path) as life:
        life.executor.start(python("import time; time.sleep(500)", most_s=60))
        assert (await life.next()).state == STARTED
        life.clock.advance(60_000)
        ended = await life.next()

    assert (ended.exit_code, ended.reason) == (124, "duration_s_max reached")


async def test_output_is_kept_up_to_its_bound_and_blocks_nobody(tmp_path: Path) -> None:
    async with living(tmp_path) as life:
        life.executor.start(python("print('y' * 3_000_000)", output_max=100))
        ended = (await life.until_ended())[-1]

    assert (ended.output, ended.output_truncated, ended.exit_code) == (b"y" * 100, True, 0)


async def test_what_a_process_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    program = "import os,time\nif os.fork() == 0: time.sleep(500)\nelse: print('done')"
    async with living(tmp_path) as life:
        life.executor.start(python(program))
        ended = (await life.until_ended())[-1]

    assert ended.output == b"done\n"
    assert not [p for p in psutil.process_iter(["environ"]) if lives_in(p, tmp_path)]


async def test_a_program_that_is_not_there_has_ended_and_is_not_tried_elsewhere(
    tmp_path: Path,
) -> None:
    async with living(tmp_path) as life:
        life.executor.start(order("/no/such/program"))
        ended = (await life.until_ended())[-1]

    assert (ended.state, ended.exit_code) == (ENDED, 127)
    assert "/no/such/program" in ended.reason


@pytest.mark.parametrize("bad", [order(), order("true", name="../../evil"), order("true", name="")])
async def test_what_can_not_be_run_fails_to_start(
    bad: scheduler_service_pb2.Order, tmp_path: Path
) -> None:
    async with living(tmp_path / "runs") as life:
        life.executor.start(bad)

        assert (await life.next()).state == FAILED
    assert names(tmp_path) == ["runs"]


@pytest.mark.parametrize("field", ["image", "working_directory"])
async def test_what_only_a_cluster_has_is_refused_by_name(field: str, tmp_path: Path) -> None:
    wants = order("true")
    setattr(wants.workload.spec.command, field, "/x")
    async with living(tmp_path) as life:
        life.executor.start(wants)
        refused = await life.next()

    assert (refused.state, field in refused.reason) == (FAILED, True)


async def test_a_run_taken_back_is_stopped_even_if_it_will_not_listen(tmp_path: Path) -> None:
    program = "import signal,time; signal.signal(15, lambda *_: None)\n"
    program += "print('up', flush=True)\nwhile True: time.sleep(500)"
    async with living(tmp_path) as life:
        life.executor.start(python(program))
        await life.next()
        life.executor.stop("p1")
        ended = await life.next()

    assert ended.reason == "taken back"
    assert ended.exit_code in (128 + 9, 128 + 15)
    assert names(tmp_path) == []


async def test_the_whole_picture_stops_what_is_not_in_it(tmp_path: Path) -> None:
    async with living(tmp_path) as life:
        life.executor.start(python("print(1)", name="over"))
        await life.until_ended()
        life.executor.start(python("import time; time.sleep(500)", name="running"))
        await life.next()
        life.executor.keep_only(set())
        ended = await life.next()

    assert (ended.placement_id, ended.reason) == ("running", "taken back")
    assert names(tmp_path) == []


async def test_a_running_process_is_found_again_by_the_next_life(tmp_path: Path) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    folder = tmp_path / "runs"
    wait = python(f"open({str(go)!r}).read(); print('went')")
    async with living(folder) as life:
        life.executor.start(wait)
        await life.next()

    async with living(folder) as life:
        wait.started = True
        life.executor.start(wait)
        with go.open("w") as gate:
            gate.write("go")
        ended = (await life.until_ended())[-1]

    assert (ended.state, ended.exit_code, ended.output) == (ENDED, 0, b"went\n")


async def test_an_end_nobody_saw_is_lost_and_leaves_no_orphan(tmp_path: Path) -> None:
    sleeper = python("import time; time.sleep(500)")
    async with living(tmp_path) as life:
        life.executor.start(sleeper)
        await life.next()
    pid = RunFolder(tmp_path / "p1")._read("shim.json")["pid"]
    os.kill(pid, signal.SIGKILL)
    await life.gone()

    async with living(tmp_path) as life:
        ended = (await life.until_ended())[-1]

    assert (ended.reason, ended.exit_code) == ("lost", -1)
    gone = [p for p in psutil.process_iter(["environ"]) if lives_in(p, tmp_path)]
    assert not [p for p in gone if p.status() != psutil.STATUS_ZOMBIE]


async def test_a_shim_that_comes_too_late_starts_nothing(tmp_path: Path) -> None:
    """The agent was killed between writing the run down and its shim's first step."""
    count = tmp_path / "count"
    folder = tmp_path / "runs"
    async with living(folder) as life:
        life.executor.start(python("print(1)", name="other"))
        await life.until_ended()
    spec = (folder / "other" / "spec.json").read_text()
    late = folder / "late"
    late.mkdir()
    program = f"open({str(count)!r}, 'a').write('x')"
    (late / "spec.json").write_text(spec.replace("print(1)", program))

    async with living(folder) as life:
        ended = (await life.until_ended())[-1]
    run_shim(late)

    assert (ended.placement_id, ended.reason) == ("late", "lost")
    assert not count.exists()


def lives_in(process: psutil.Process, folder: Path) -> bool:
    return str(folder) in (process.info["environ"] or {}).get("TMPDIR", "")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def run_shim(folder: Path) -> None:
    subprocess.run([sys.executable, shim.__file__, str(folder)], check=True)
