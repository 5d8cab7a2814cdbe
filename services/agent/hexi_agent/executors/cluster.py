"""Runs work in a cluster that keeps its own queue, and finds it there again after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from hexi.scheduler.v1 import place_pb2
from hexi_kit.clock import Clock
from hexi_kit.errors import HexiError, InvalidArgument
from hexi_kit.logs import get_logger
from hexi_kit.metrics import counter
from hexi_kit.testing import faults

from hexi_agent.backoff import Backoff, as_error
from hexi_agent.domain.cluster_runs import (
    TAKEN_BACK,
    ClusterRun,
    Phase,
    Seen,
    Step,
    next_step,
    outcome,
)
from hexi_agent.executors import Order, Report
from hexi_agent.executors.job import duration_s_of, output_bytes_max_of

LOOK_S = 1.0
RUNS_MAX, ERRORS_MAX = 10_000, 10
REASON_CHARS_MAX = 512


class Output(NamedTuple):
    """The last bytes a run wrote."""

    data: bytes = b""
    is_truncated: bool = False


class Cluster(Protocol):
    """Each raises Unavailable where the cluster did not answer: then nothing is known."""

    async def look(self) -> Mapping[str, Seen]:
        """Every job of this site, by placement id."""
        ...

    async def submit(self, order: Order) -> None:
        """A second job of the same placement never runs.

        Raises:
            InvalidArgument: the cluster will never run this.
        """
        ...

    async def cancel(self, placement_id: str) -> None: ...

    async def output(self, placement_id: str, bytes_max: int) -> Output: ...

    async def forget(self, placement_id: str) -> None:
        """Remove what is left of a job that is over."""
        ...


class Submitted:
    """Names of what was submitted, on disk: a job that vanished is lost, not started again."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._names = {path.name for path in directory.iterdir()}

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def names(self) -> frozenset[str]:
        return frozenset(self._names)

    def add(self, name: str) -> None:
        if name not in self._names:
            (self._directory / name).touch()
            self._names.add(name)

    def remove(self, name: str) -> None:
        (self._directory / name).unlink(missing_ok=True)
        self._names.discard(name)


class Waits(NamedTuple):
    """The province's clock for what is told, the machine's for how often to look."""

    clock: Clock
    real_clock: Clock
    backoff: Backoff
    pending_s_max: int
    look_s: float = LOOK_S


class ClusterExecutor:
    """What is neither running nor just ended is a stray: cancelled if alive, then forgotten.

    A job stays in the cluster until the scheduler no longer asks for its run, so that its end can
    be told again by the next life of this agent.
    """

    def __init__(
        self, cluster: Cluster, submitted: Submitted, waits: Waits, report: Report
    ) -> None:
        self._cluster, self._submitted, self._report = cluster, submitted, report
        self._clock, self._waits = waits.clock, waits
        self._runs: dict[str, ClusterRun] = {}
        self._orders: dict[str, Order] = {}
        self._told: set[str] = set()
        self._outputs: dict[str, Output] = {}
        # Before the first whole picture nobody can say what is not wanted.
        self._has_picture = False
        self._busy = asyncio.Event()

    def start(self, order: Order) -> None:
        name = order.placement_id
        if name in self._told:
            return
        known = self._runs.get(name)
        if known is not None:
            self._runs[name] = known._replace(
                started_is_told=known.started_is_told or order.started
            )
        elif len(self._runs) >= RUNS_MAX:
            self._tell(
                name, place_pb2.RUN_STATE_FAILED_TO_START, f"expected at most {RUNS_MAX} runs"
            )
        else:
            self._orders[name] = order
            self._runs[name] = ClusterRun(
                name,
                duration_s_of(order),
                self._clock.now_ms() + 1_000 * self._waits.pending_s_max,
                may_exist=order.started or name in self._submitted,
                started_at_ms=order.started_at_ms,
                started_is_told=order.started,
            )
            self._busy.set()

    def stop(self, placement_id: str) -> None:
        self._told.discard(placement_id)
        run = self._runs.get(placement_id)
        if run is not None:
            # Whatever we stop it for: nobody will ask for it again.
            self._runs[placement_id] = run._replace(stop_reason=TAKEN_BACK)
        self._busy.set()

    def keep_only(self, wanted: set[str]) -> None:
        for name in sorted((self._runs.keys() | self._told) - wanted):
            self.stop(name)
        self._has_picture = True
        self._busy.set()

    async def run(self) -> None:
        while True:
            await self._busy.wait()
            try:
                await self.look()
                self._waits.backoff.reset()
            except (HexiError, OSError) as problem:
                get_logger().warning("cluster.away", reason=str(problem))
                await self._waits.backoff.wait(as_error(problem))
            else:
                await self._waits.real_clock.sleep(self._waits.look_s)

    async def look(self) -> None:
        """See how far every run has come, and take each one step further."""
        seen = await self._cluster.look()
        errors: list[HexiError] = []
        for name in sorted(self._runs):
            if name in seen:
                self._submitted.add(name)
            await self._bounded(errors, self._go_on(name, seen.get(name)))
        strays = self._strays(seen) if self._has_picture else []
        for name in strays:
            await self._bounded(errors, self._clear(name, seen.get(name)))
        if errors:
            raise errors[0]
        if self._has_picture and not self._runs and not strays:
            self._busy.clear()

    def _strays(self, seen: Mapping[str, Seen]) -> list[str]:
        return sorted((seen.keys() | self._submitted.names()) - self._runs.keys() - self._told)

    async def _bounded(self, errors: list[HexiError], step: Awaitable[None]) -> None:
        """One job the cluster chokes on holds up no other; a cluster that is away is let be."""
        try:
            await step
        except HexiError as error:
            errors.append(error)
            if len(errors) >= ERRORS_MAX:
                raise

    async def _go_on(self, name: str, seen: Seen | None) -> None:
        step = Step.TELL_STARTED
        while step is Step.TELL_STARTED:
            self._runs[name], step = next_step(self._runs[name], seen, self._clock.now_ms())
            if step is Step.TELL_STARTED:
                self._tell(name, place_pb2.RUN_STATE_STARTED)
        if step is Step.SUBMIT:
            await self._submit(name)
        elif step is Step.CANCEL:
            # A cancelled job may take its output with it.
            if name not in self._outputs:
                self._outputs[name] = await self._output(name)
            await self._cluster.cancel(name)
        elif step is Step.TELL_ENDED:
            await self._end(name, seen)
        elif step is Step.TELL_FAILED:
            self._fail(name, outcome(self._runs[name], seen)[1])
        elif step is Step.FORGET:
            await self._cluster.forget(name)
            self._drop(name)

    async def _submit(self, name: str) -> None:
        try:
            faults.point("agent.before_submit")
            await self._cluster.submit(self._orders[name])
            faults.point("agent.after_submit")
        except InvalidArgument as error:
            self._fail(name, str(error))
            return
        self._submitted.add(name)
        self._runs[name] = self._runs[name]._replace(may_exist=True)
        get_logger().info("run.submitted", placement_id=name)

    async def _end(self, name: str, seen: Seen | None) -> None:
        run = self._runs[name]
        output = await self._output(name) if seen is not None else Output()
        output = output if output.data else self._outputs.get(name, output)
        code, reason = outcome(run, seen)
        faults.point("agent.before_end")
        self._report(
            place_pb2.RunReport(
                placement_id=name,
                state=place_pb2.RUN_STATE_ENDED,
                at_ms=self._clock.now_ms(),
                exit_code=code,
                output=output.data,
                output_truncated=output.is_truncated,
                reason=reason[:REASON_CHARS_MAX],
            )
        )
        counter("agent.runs_ended").add(1, {"outcome": reason[:40] or "ended"})
        get_logger().info("run.ended", placement_id=name, exit_code=code, reason=reason)
        self._settle(name)

    async def _output(self, name: str) -> Output:
        try:
            return await self._cluster.output(name, output_bytes_max_of(self._orders[name]))
        except HexiError as error:
            # An end is worth more than its output, and a dead node never gives that back.
            get_logger().warning("run.output_lost", placement_id=name, reason=str(error))
            return Output()

    async def _clear(self, name: str, seen: Seen | None) -> None:
        if seen is None or seen.phase is Phase.ENDED:
            await self._cluster.forget(name)
            self._submitted.remove(name)
        else:
            await self._cluster.cancel(name)

    def _fail(self, name: str, reason: str) -> None:
        get_logger().warning("run.not_started", placement_id=name[:80], reason=reason)
        self._tell(name, place_pb2.RUN_STATE_FAILED_TO_START, reason[:REASON_CHARS_MAX])
        self._settle(name)

    def _settle(self, name: str) -> None:
        """Told once in this life; who took it back will not ask again."""
        if self._runs[name].stop_reason != TAKEN_BACK:
            self._told.add(name)
        self._drop(name)

    def _drop(self, name: str) -> None:
        del self._runs[name], self._orders[name]
        self._outputs.pop(name, None)

    def _tell(self, name: str, state: place_pb2.RunState.ValueType, reason: str = "") -> None:
        at_ms = self._clock.now_ms()
        self._report(
            place_pb2.RunReport(placement_id=name, state=state, at_ms=at_ms, reason=reason)
        )
