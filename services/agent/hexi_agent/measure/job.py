"""The benchmark as placed work: what is run for its name, and who is told of the result."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import grpc
from hexi.inventory.v1 import inventory_pb2
from hexi.telemetry.v1 import measure_pb2
from hexi.telemetry.v1 import measure_service_pb2 as pb
from hexi_kit.errors import HexiError, InvalidArgument, Unavailable, Violation
from hexi_kit.logs import get_logger
from hexi_kit.rpc.status import from_rpc_error
from pydantic import ValidationError

from hexi_agent.backoff import Backoff
from hexi_agent.executors import Order
from hexi_agent.measure.options import MeasureConfig
from hexi_agent.measure.power import PowerMemory
from hexi_agent.measure.precision import PRECISIONS
from hexi_agent.measure.result import BenchmarkResult, Figure

# What a workload says to run it; what is really run only the agent knows.
PROGRAM = "hexi-measure"
CPU = "cpu"
# Of accelerators that nobody can measure here: they are named all the same.
NOT_RUN, NO_COMMAND = "none", "no command of this site measures it"
WAITING_MAX = 64
MILLI = 1_000

# A run inherits nothing of us, and an agent that is one file has its packages where nobody looks.
SITE = str(Path(__file__).resolve().parents[2])
BEGIN = (
    f"import runpy, sys; sys.path.insert(0, {SITE!r}); "
    "runpy.run_module('hexi_agent.measure', run_name='__main__')"
)

Report = Callable[[pb.ReportComputeRequest], Awaitable[pb.ReportComputeResponse]]


@dataclass(frozen=True, slots=True)
class BenchmarkNeeds:
    """Whose machines, what is in them, and who is told."""

    site_id: str
    server_set: inventory_pb2.ServerSet
    revision: Callable[[], int]
    report: Report
    power: PowerMemory
    backoff: Backoff


class Benchmark:
    """A result is told until it is heard; one that a crash took comes again with its run's end."""

    def __init__(self, needs: BenchmarkNeeds, config: MeasureConfig) -> None:
        self._needs, self._config = needs, config
        self._waiting: asyncio.Queue[pb.ReportComputeRequest] = asyncio.Queue(WAITING_MAX)
        for model, server, devices in _accelerators(needs.server_set):
            if model in config.commands:
                continue
            nothing = tuple(Figure(precision=name, not_measured=NO_COMMAND) for name in PRECISIONS)
            # A name that is none, or more devices than there can be, the inventory refuses too.
            with suppress(ValidationError):
                result = BenchmarkResult(subject=model, devices=devices, figures=nothing)
                self._tell(NOT_RUN, server, result)

    def argv(self, order: Order) -> list[str]:
        """The program and its arguments.

        Raises:
            InvalidArgument: for arguments of the workload's own, or a subject nobody configured.
        """
        command, asked = order.workload.spec.command, order.workload.spec.resources
        subject = command.argv[1] if len(command.argv) > 1 else CPU
        if len(command.argv) > 2 or command.environment:
            raise _refused("command", f"expected {PROGRAM} and a subject, was more")
        if subject in self._config.commands:
            return list(self._config.commands[subject])
        if subject != CPU:
            raise _refused("command.argv[1]", f"expected a subject of this site, was {subject!r}")
        threads = max(1, asked.cpu_milli // MILLI)
        own = {"seconds": self._config.seconds, "size": self._config.size, "threads": threads}
        options = [text for name, value in own.items() for text in (f"--{name}", str(value))]
        return [sys.executable, "-c", BEGIN, *options]

    def ended(self, placement_id: str, server: int, output: bytes) -> None:
        """Its run is over."""
        try:
            # Whatever a tool says before, its last line is the result.
            result = BenchmarkResult.model_validate_json(output.rstrip().rpartition(b"\n")[2])
        except ValidationError as error:
            problem = f"{error.error_count()} violations"
            get_logger().warning("measure.unreadable", placement_id=placement_id, reason=problem)
            return
        self._tell(placement_id, server, result)

    def _tell(self, placement_id: str, server: int, result: BenchmarkResult) -> None:
        vector = self._vector(placement_id, server, result)
        request = pb.ReportComputeRequest(site_id=self._needs.site_id, vector=vector)
        try:
            self._waiting.put_nowait(request)
        except asyncio.QueueFull:
            get_logger().warning("measure.not_kept", placement_id=placement_id)

    async def run(self) -> None:
        """Tell one after the other, for as long as the process lives."""
        while True:
            request = await self._waiting.get()
            while not await self._told(request):
                continue

    async def _told(self, request: pb.ReportComputeRequest) -> bool:
        """True when it is heard, or refused for good."""
        request.vector.server_set_revision = self._needs.revision()
        error: HexiError = Unavailable("the server set has no revision yet")
        if request.vector.server_set_revision:
            try:
                await self._needs.report(request)
            except grpc.aio.AioRpcError as problem:
                error = from_rpc_error(problem)
            else:
                self._needs.backoff.reset()
                return True
        get_logger().warning("measure.not_told", reason=str(error))
        if isinstance(error, InvalidArgument):
            return True
        await self._needs.backoff.wait(error)
        return False

    def _vector(
        self, placement_id: str, server: int, result: BenchmarkResult
    ) -> measure_pb2.ComputeVector:
        nominal = self._config.nominal_mops.get(result.subject, {})
        told = [self._throughput(one, nominal.get(one.precision, 0)) for one in result.figures]
        named = {one.precision for one in result.figures}
        # What the vendor promises and nobody measured is said too.
        told += [
            self._throughput(Figure(precision=name, not_measured="not in the benchmark"), mops)
            for name, mops in sorted(nominal.items())
            if name not in named
        ]
        return measure_pb2.ComputeVector(
            subject=result.subject,
            server=server,
            placement_id=placement_id,
            devices=result.devices,
            throughputs=told,
            memory_bytes_per_s=result.memory_bytes_per_s,
        )

    def _throughput(self, one: Figure, nominal_mops: int) -> measure_pb2.Throughput:
        return measure_pb2.Throughput(
            precision=measure_pb2.Precision.Value(f"PRECISION_{one.precision.upper()}"),
            sparse=one.sparse,
            nominal_mops=nominal_mops,
            measured_mops=one.measured_mops,
            not_measured="" if one.measured_mops else one.not_measured or "no figure",
            power_mw=self._needs.power.mean_mw(one.from_ms, one.to_ms) if one.to_ms else 0,
        )


def _accelerators(server_set: inventory_pb2.ServerSet) -> Iterator[tuple[str, int, int]]:
    """Each model with the first server that has it, and how many."""
    index, counts = list(server_set.accelerator_index), list(server_set.accelerators)
    for number, model in enumerate(server_set.accelerator_models, 1):
        if number in index[: len(counts)]:
            server = index.index(number)
            yield model, server, max(1, counts[server])


def _refused(field: str, reason: str) -> InvalidArgument:
    return InvalidArgument([Violation(field, reason)])
