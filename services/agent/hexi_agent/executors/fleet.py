"""Runs work of simulated servers: it takes its room, lasts its time, and uses its energy."""

from __future__ import annotations

from hexi.scheduler.v1 import place_pb2
from hexi_kit.clock import Clock
from hexi_kit.metrics import counter

from hexi_agent.domain.load import Share
from hexi_agent.domain.simulated_runs import RunEvent, RunOrder, RunState, SimulatedRuns
from hexi_agent.executors import Order, Report

WHOLE_DEVICE_MILLI = 1_000
LOOK_S = 0.2

_STATES = {
    RunState.STARTED: place_pb2.RUN_STATE_STARTED,
    RunState.ENDED: place_pb2.RUN_STATE_ENDED,
}


class FleetExecutor:
    """Looks often by real time, so that ends are told promptly however fast the clock runs."""

    def __init__(
        self, runs: SimulatedRuns, clock: Clock, real_clock: Clock, report: Report
    ) -> None:
        self._runs, self._clock, self._real_clock = runs, clock, real_clock
        self._report = report

    def start(self, order: Order) -> None:
        for event in self._runs.begin(run_order(order), self._clock.now_ms()):
            self._report(report_of(event))

    def stop(self, placement_id: str) -> None:
        self._runs.take_back(placement_id)

    def keep_only(self, wanted: set[str]) -> None:
        self._runs.keep_only(wanted)

    async def run(self) -> None:
        while True:
            await self._real_clock.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        """Tell of every run whose time is over."""
        ended = self._runs.end_due(self._clock.now_ms())
        for event in ended:
            self._report(report_of(event))
        if ended:
            counter("agent.runs_ended").add(len(ended), {"outcome": "ended"})


def run_order(order: Order) -> RunOrder:
    spec = order.workload.spec
    shares = tuple(
        Share(
            allocation.server,
            spec.resources.cpu_milli,
            len(allocation.devices) * (allocation.device_milli or WHOLE_DEVICE_MILLI),
        )
        for allocation in order.allocations
    )
    return RunOrder(
        order.placement_id, shares, spec.duration_s, spec.duration_s_max, order.started_at_ms
    )


def report_of(event: RunEvent) -> place_pb2.RunReport:
    return place_pb2.RunReport(
        placement_id=event.placement_id,
        state=_STATES[event.state],
        at_ms=event.at_ms,
        exit_code=event.exit_code,
        energy_ws=event.energy_ws,
        cpu_us=event.cpu_us,
        reason=event.reason,
    )
