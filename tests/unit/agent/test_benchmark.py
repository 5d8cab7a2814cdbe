"""Goal: a machine is measured by what ran on it, and by nothing a workload says.

Method: the benchmark itself, small; and real processes of a host executor that offers it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.protobuf.json_format import ParseDict
from hexi.inventory.v1 import inventory_pb2
from hexi.scheduler.v1 import place_pb2, scheduler_service_pb2
from hexi.telemetry.v1 import measure_pb2, telemetry_pb2
from hexi.telemetry.v1 import measure_service_pb2 as pb
from hexi_agent.backoff import Backoff
from hexi_agent.executors.host import HostExecutor
from hexi_agent.measure.benchmark import measure
from hexi_agent.measure.job import PROGRAM, Benchmark, BenchmarkNeeds
from hexi_agent.measure.options import MeasureConfig
from hexi_agent.measure.power import READINGS_MAX, PowerMemory
from hexi_agent.measure.precision import PRECISIONS
from hexi_agent.measure.result import BenchmarkResult
from hexi_agent.sources import Sample
from hexi_kit.clock import SystemClock
from hexi_kit.errors import InvalidArgument
from hexi_kit.ids import seeded
from hexi_kit.testing.clock import ManualClock

HOST = 7
A100 = {
    "subject": "A100",
    "devices": 8,
    "figures": [
        {"precision": "fp64", "measured_mops": 9_000, "from_ms": 1_000, "to_ms": 31_000},
        {"precision": "int8", "sparse": True, "not_measured": "not supported"},
    ],
}
CONFIG = {
    "seconds": 0.05,
    "size": 256,
    "commands": {"A100": [sys.executable, "-c", f"print('hello'); print({json.dumps(A100)!r})"]},
    "nominal_mops": {"A100": {"fp64": 9_700, "fp16": 312_000}},
}


class Telemetry:
    """Hears reports; away as often as told."""

    def __init__(self, away: int = 0, code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> None:
        self.away, self.code = away, code
        self.heard: asyncio.Queue[pb.ReportComputeRequest] = asyncio.Queue()
        self.asked = 0
        self.has_accelerators = False

    async def report(self, request: pb.ReportComputeRequest) -> pb.ReportComputeResponse:
        self.asked += 1
        if self.asked <= self.away:
            empty = grpc.aio.Metadata()
            raise grpc.aio.AioRpcError(self.code, empty, empty, "as told")
        self.heard.put_nowait(request)
        return pb.ReportComputeResponse()


def benchmark(told: Telemetry, power: PowerMemory | None = None) -> Benchmark:
    memory = power or PowerMemory(HOST, ManualClock())
    backoff = Backoff(SystemClock(), seeded(1), 0.001, 0.01)
    servers = inventory_pb2.ServerSet(
        accelerator_models=["A100", "T4"],
        accelerator_index=[0, 2, 1, 2] if told.has_accelerators else [],
        accelerators=[0, 4, 8, 4],
    )
    needs = BenchmarkNeeds("lanzhou", servers, lambda: 4, told.report, memory, backoff)
    return Benchmark(needs, MeasureConfig.model_validate(CONFIG))


def order(*argv: str, **environment: str) -> scheduler_service_pb2.Order:
    said = {
        "placement_id": "p1",
        "run": True,
        "executor": "host",
        "allocations": [{"server": HOST}],
        "workload": {
            "spec": {
                "resources": {"cpu_milli": 2_500, "memory_mib": 256},
                "command": {"argv": argv, "environment": environment},
            }
        },
    }
    return ParseDict(said, scheduler_service_pb2.Order())


def test_the_benchmark_measures_what_numpy_has_and_says_what_not() -> None:
    found = measure(SystemClock(), seconds=0.01, size=64, copy_bytes=2**16)

    again = BenchmarkResult.model_validate_json(found.model_dump_json(exclude_defaults=True))
    assert again == found
    by_name = {one.precision: one for one in found.figures}
    assert by_name["fp64"].measured_mops > 0
    assert by_name["fp32"].measured_mops > 0
    assert by_name["fp64"].to_ms >= by_name["fp64"].from_ms > 0
    assert by_name["int8"].not_measured
    assert found.memory_bytes_per_s > 0
    assert set(by_name) < set(PRECISIONS)


def test_what_is_run_only_the_agent_knows() -> None:
    offered = benchmark(Telemetry())

    own = offered.argv(order(PROGRAM))
    assert own[0] == sys.executable
    assert own[own.index("--threads") + 1] == "2"
    assert offered.argv(order(PROGRAM, "A100")) == CONFIG["commands"]["A100"]
    for wrong in (
        order(PROGRAM, "H100"),
        order(PROGRAM, "cpu", "--seconds=0"),
        order(PROGRAM, PYTHONPATH="/tmp/evil"),
    ):
        with pytest.raises(InvalidArgument, match="command"):
            offered.argv(wrong)


async def test_what_nobody_can_measure_is_named(tmp_path: Path) -> None:
    told = Telemetry()
    told.has_accelerators = True

    async with asyncio.TaskGroup() as group:
        task = group.create_task(benchmark(told).run())
        request = await told.heard.get()
        task.cancel()

    assert told.heard.empty()
    vector = request.vector
    assert (vector.subject, vector.server, vector.devices) == ("T4", 1, 4)
    assert {one.precision for one in vector.throughputs} == set(range(1, 7))
    assert all(one.not_measured and not one.measured_mops for one in vector.throughputs)


def test_readings_count_that_lie_wholly_inside() -> None:
    clock = ManualClock(0)
    memory = PowerMemory(HOST, clock)
    for watts in (100.0, 200.0, 300.0, 400.0):
        clock.advance(10_000)
        columns = {telemetry_pb2.METRIC_POWER_W: np.array([0.0, watts], "<f4")}
        memory.hear([Sample(HOST - 1, 2, columns), Sample(0, 1, columns)])

    assert memory.mean_mw(10_000, 30_000) == 250_000
    assert memory.mean_mw(10_001, 29_999) == 0
    bad = np.array([True, False])
    memory.hear([Sample(HOST - 1, 2, columns, bad)])
    assert memory.mean_mw(30_000, 60_000) == 400_000


async def run_one(
    tmp_path: Path,
    told: Telemetry,
    placed: object,
    is_told: bool = False,
    power: PowerMemory | None = None,
) -> place_pb2.RunReport:
    """Until the run has ended; what was told of it is in `told`."""
    offered, reports = benchmark(told, power), asyncio.Queue()
    clock = ManualClock()
    programs = {PROGRAM: offered}
    executor = HostExecutor(tmp_path, clock, SystemClock(), reports.put_nowait, programs)
    tasks = [asyncio.create_task(run()) for run in (executor.run, offered.run)]
    try:
        executor.start(placed)
        async with asyncio.timeout(30):
            while True:
                report = await reports.get()
                if report.state != place_pb2.RUN_STATE_STARTED:
                    break
            if report.state == place_pb2.RUN_STATE_ENDED and is_told:
                told.heard.put_nowait(await told.heard.get())
            await asyncio.sleep(0)
        return report
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_placed_benchmark_is_run_and_told(tmp_path: Path) -> None:
    told = Telemetry(away=2)

    report = await run_one(tmp_path, told, order(PROGRAM, "A100"), is_told=True)

    assert report.exit_code == 0
    vector = told.heard.get_nowait().vector
    assert (vector.subject, vector.devices, vector.server) == ("A100", 8, HOST)
    assert (vector.server_set_revision, vector.placement_id) == (4, "p1")
    found = {one.precision: one for one in vector.throughputs}
    fp64 = found[measure_pb2.PRECISION_FP64]
    assert (fp64.measured_mops, fp64.nominal_mops) == (9_000, 9_700)
    assert found[measure_pb2.PRECISION_INT8].not_measured == "not supported"
    fp16 = found[measure_pb2.PRECISION_FP16]
    assert (fp16.measured_mops, fp16.nominal_mops) == (0, 312_000)
    assert fp16.not_measured


async def test_our_own_is_run_and_told_with_its_power(tmp_path: Path) -> None:
    # What will be read in the next seconds: the run falls into them.
    told, ahead = Telemetry(), ManualClock(SystemClock().now_ms())
    memory = PowerMemory(HOST, ahead)
    placed = order(PROGRAM)
    placed.workload.spec.resources.memory_mib = 4_096
    columns = {telemetry_pb2.METRIC_POWER_W: np.array([250.0], "<f4")}

    for _ in range(READINGS_MAX):
        ahead.advance(20)
        memory.hear([Sample(HOST, 1, columns)])

    report = await run_one(tmp_path, told, placed, is_told=True, power=memory)

    assert report.exit_code == 0, report.output.decode()
    vector = told.heard.get_nowait().vector
    found = {one.precision: one for one in vector.throughputs}
    assert (vector.subject, vector.server) == ("cpu", HOST)
    assert found[measure_pb2.PRECISION_FP64].measured_mops > 0
    assert found[measure_pb2.PRECISION_FP64].power_mw == 250_000
    assert found[measure_pb2.PRECISION_INT8].power_mw == 0


async def test_who_prints_the_same_is_not_believed(tmp_path: Path) -> None:
    told = Telemetry()
    forged = order(*CONFIG["commands"]["A100"])

    report = await run_one(tmp_path, told, forged)

    assert report.exit_code == 0
    assert b"A100" in report.output
    assert not told.asked


async def test_an_unknown_subject_fails_to_start(tmp_path: Path) -> None:
    report = await run_one(tmp_path, Telemetry(), order(PROGRAM, "H100"))

    assert report.state == place_pb2.RUN_STATE_FAILED_TO_START
    assert "H100" in report.reason


@pytest.mark.parametrize("output", [b"", b"garbage", b'{"subject": "cpu"}', b"\xff\xfe"])
async def test_what_no_benchmark_prints_is_not_told(output: bytes) -> None:
    told = Telemetry()
    offered = benchmark(told)
    offered.ended("p1", HOST, output)

    assert offered._waiting.empty()
