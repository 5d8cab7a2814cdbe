"""Runs work of this machine as real processes, and finds them again after its own restart."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hexi.scheduler.v1 import place_pb2
from hexi_kit.clock import Clock
from hexi_kit.errors import InvalidArgument
from hexi_kit.logs import get_logger
from hexi_kit.metrics import counter
from hexi_kit.testing import faults

from hexi_agent.domain.simulated_runs import TOO_LONG, TOO_LONG_EXIT_CODE
from hexi_agent.executors import NamedProgram, Order, Report
from hexi_agent.executors.folder import RunFolder, RunSpec

LOOK_S = 0.05
RUNS_MAX = 64
DURATION_S_DEFAULT = 3_600
MEMORY_MIB_DEFAULT = 512
OUTPUT_BYTES_DEFAULT, OUTPUT_BYTES_MAX = 4_096, 65_536
REASON_CHARS_MAX = 512
LOST, LOST_EXIT_CODE = "lost", -1
TAKEN_BACK = "taken back"


@dataclass(slots=True)
class _Run:
    """`process` is ours to reap; a run of an earlier life of this agent has none."""

    folder: RunFolder
    ends_at_ms: int
    started_is_told: bool = False
    is_stopping: bool = False
    process: subprocess.Popen[bytes] | None = None


class HostExecutor:
    """One folder a run. A folder stays until the scheduler no longer asks for the run: as long as
    it is there the run is not started again, and its end can be told again."""

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        real_clock: Clock,
        report: Report,
        programs: Mapping[str, NamedProgram] | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._programs = programs or {}
        self._directory = directory
        self._clock, self._real_clock, self._report = clock, real_clock, report
        self._runs: dict[str, _Run] = {}
        self._busy = asyncio.Event()
        for folder in self._folders():
            if folder.result() is None:
                self._adopt(folder, started_is_told=False)

    def start(self, order: Order) -> None:
        name = order.placement_id
        known = self._runs.get(name)
        if known is not None:
            known.started_is_told |= order.started
        elif not name.isalnum():
            # It would become the name of a folder.
            self._fail(name, "expected letters and digits as placement id")
        elif (self._directory / name).exists():
            # It ran before: what the scheduler has not heard of it, it hears again.
            self._adopt(RunFolder(self._directory / name), order.started)
        elif not order.workload.spec.command.argv:
            self._fail(name, "expected a command, was none")
        elif unknown := _needs_container(order):
            self._fail(name, f"expected no {unknown}: programs run here as they are")
        elif len(self._runs) >= RUNS_MAX:
            self._fail(name, f"expected at most {RUNS_MAX} processes at once")
        else:
            self._begin(order)

    def stop(self, placement_id: str) -> None:
        run = self._runs.get(placement_id)
        if run is not None:
            self._stop(run, TAKEN_BACK)
        elif placement_id.isalnum():
            RunFolder(self._directory / placement_id).remove()

    def keep_only(self, wanted: set[str]) -> None:
        for folder in self._folders():
            if folder.placement_id not in wanted:
                self.stop(folder.placement_id)

    async def run(self) -> None:
        while True:
            await self._busy.wait()
            self.look()
            await self._real_clock.sleep(LOOK_S)

    def look(self) -> None:
        """See how far every run has come."""
        now_ms = self._clock.now_ms()
        for run in list(self._runs.values()):
            # Asked before the result: a shim that ends in between has left one.
            is_alive = self._is_alive(run)
            if run.folder.has_started and not run.started_is_told:
                run.started_is_told = True
                self._tell(run.folder.placement_id, place_pb2.RUN_STATE_STARTED)
            result = run.folder.result()
            if result is None and not is_alive:
                run.folder.give_up({"exit_code": LOST_EXIT_CODE, "reason": LOST})
                result = run.folder.result()
            if result is not None:
                self._end(run, result)
            elif now_ms >= run.ends_at_ms and not run.is_stopping:
                self._stop(run, TOO_LONG)
        if not self._runs:
            self._busy.clear()

    def _begin(self, order: Order) -> None:
        folder = RunFolder(self._directory / order.placement_id)
        try:
            spec = self._spec(order)
        except InvalidArgument as error:
            self._fail(order.placement_id, str(error))
            return
        try:
            faults.point("agent.before_run")
            process = folder.begin(spec)
            faults.point("agent.after_run")
        except OSError as error:
            folder.remove()
            self._fail(order.placement_id, str(error))
            return
        get_logger().info("run.begun", placement_id=order.placement_id)
        self._watch(_Run(folder, spec.ends_at_ms, order.started, process=process))

    def _spec(self, order: Order) -> RunSpec:
        spec = run_spec(order, self._clock.now_ms())
        name = spec.argv[0]
        program = self._programs.get(name)
        if program is None:
            return spec
        server = min((allocation.server for allocation in order.allocations), default=0)
        return replace(spec, argv=program.argv(order), program=name, server=server)

    def _adopt(self, folder: RunFolder, started_is_told: bool) -> None:
        spec = folder.spec()
        ends_at_ms = self._clock.now_ms() if spec is None else spec.ends_at_ms
        self._watch(_Run(folder, ends_at_ms, started_is_told))

    def _watch(self, run: _Run) -> None:
        self._runs[run.folder.placement_id] = run
        self._busy.set()

    def _stop(self, run: _Run, reason: str) -> None:
        run.is_stopping = True
        run.folder.stop(reason)

    def _is_alive(self, run: _Run) -> bool:
        if run.process is not None:
            return run.process.poll() is None
        return run.folder.is_alive()

    def _end(self, run: _Run, result: dict[str, Any]) -> None:
        name = run.folder.placement_id
        del self._runs[name]
        if run.process is not None:
            run.process.wait()
        if "failed" in result:
            self._fail(name, str(result["failed"]))
            return
        faults.point("agent.before_end")
        reason = str(result["reason"])[:REASON_CHARS_MAX]
        code = TOO_LONG_EXIT_CODE if reason == TOO_LONG else int(result["exit_code"])
        self._report(
            place_pb2.RunReport(
                placement_id=name,
                state=place_pb2.RUN_STATE_ENDED,
                at_ms=self._clock.now_ms(),
                exit_code=code,
                cpu_us=int(result.get("cpu_us", 0)),
                output=run.folder.output(),
                output_truncated=bool(result.get("output_truncated", False)),
                reason=reason,
            )
        )
        if code == 0 and not reason:
            self._hand_over(run.folder)
        if reason == TAKEN_BACK:
            # Nobody asks for it any more, so nobody can ask to run it again.
            run.folder.remove()
        counter("agent.runs_ended").add(1, {"outcome": reason or "ended"})
        get_logger().info("run.ended", placement_id=name, exit_code=code, reason=reason)

    def _hand_over(self, folder: RunFolder) -> None:
        spec = folder.spec()
        program = self._programs.get(spec.program) if spec is not None else None
        if spec is not None and program is not None:
            program.ended(folder.placement_id, spec.server, folder.output())

    def _fail(self, placement_id: str, reason: str) -> None:
        get_logger().warning("run.not_started", placement_id=placement_id[:80], reason=reason)
        self._tell(placement_id, place_pb2.RUN_STATE_FAILED_TO_START, reason[:REASON_CHARS_MAX])

    def _tell(
        self, placement_id: str, state: place_pb2.RunState.ValueType, reason: str = ""
    ) -> None:
        at_ms = self._clock.now_ms()
        self._report(
            place_pb2.RunReport(placement_id=placement_id, state=state, at_ms=at_ms, reason=reason)
        )

    def _folders(self) -> list[RunFolder]:
        return [RunFolder(path) for path in sorted(self._directory.iterdir()) if path.is_dir()]


def _needs_container(order: Order) -> str:
    """The first field that asks for what this machine does not give; "" for none."""
    command = order.workload.spec.command
    fields = ("image", "mounts", "working_directory")
    return next((field for field in fields if getattr(command, field)), "")


def run_spec(order: Order, now_ms: int) -> RunSpec:
    """The limits of one run; its wall time goes by the province's clock, its CPU time by ours."""
    spec, command = order.workload.spec, order.workload.spec.command
    duration_s = spec.duration_s_max or DURATION_S_DEFAULT
    cpus = max(1, -(-spec.resources.cpu_milli // 1_000))
    return RunSpec(
        list(command.argv),
        dict(command.environment),
        spec.resources.memory_mib or MEMORY_MIB_DEFAULT,
        duration_s * cpus,
        duration_s,
        min(command.output_bytes_max or OUTPUT_BYTES_DEFAULT, OUTPUT_BYTES_MAX),
        now_ms,
        now_ms + duration_s * 1_000,
    )
