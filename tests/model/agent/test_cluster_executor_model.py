"""Goal: whatever a cluster and an agent's host do, no program starts twice and every end is told.
Method: random orders, deaths, silences and vanishings against a cluster that lives in memory."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from hexi.scheduler.v1 import place_pb2, scheduler_service_pb2
from hexi_agent.backoff import Backoff
from hexi_agent.domain.cluster_runs import Phase, Seen
from hexi_agent.executors.cluster import ClusterExecutor, Output, Submitted, Waits
from hexi_kit.clock import SystemClock
from hexi_kit.errors import InvalidArgument, Unavailable
from hexi_kit.ids import seeded
from hexi_kit.testing.clock import ManualClock
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

STARTED, ENDED = place_pb2.RUN_STATE_STARTED, place_pb2.RUN_STATE_ENDED
NAMES = [f"p{number}" for number in range(4)]
LOOKS = 6


class Died(BaseException):
    """The process is gone: nothing of it runs on."""


class WildCluster:
    """One job a name, as Kubernetes and the claim of a Slurm run make sure."""

    def __init__(self) -> None:
        self.jobs: dict[str, Seen] = {}
        self.starts: Counter[str] = Counter()
        # Told to an agent that lived on: it has to remember them.
        self.answered: set[str] = set()
        self.again: set[str] = set()
        self.away = self.dies_after_submit = False
        self.hated = ""

    async def look(self) -> Mapping[str, Seen]:
        self._answer()
        return dict(self.jobs)

    async def submit(self, order: scheduler_service_pb2.Order) -> None:
        self._answer()
        name = order.placement_id
        if name == self.hated:
            raise InvalidArgument([])
        self.again |= {name} & self.answered
        self.jobs.setdefault(name, Seen(Phase.WAITING))
        if self.dies_after_submit:
            self.dies_after_submit = False
            raise Died
        self.answered.add(name)

    async def cancel(self, placement_id: str) -> None:
        self._answer()
        self.jobs.pop(placement_id, None)

    async def output(self, placement_id: str, bytes_max: int) -> Output:
        self._answer()
        return Output(b"out")

    async def forget(self, placement_id: str) -> None:
        self._answer()
        self.jobs.pop(placement_id, None)

    def _answer(self) -> None:
        if self.away:
            raise Unavailable("away")


class ClusterMachine(RuleBasedStateMachine):
    """The scheduler's side is `wanted`: what it asks for until it hears an end or takes it back."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster, self.clock = WildCluster(), ManualClock()
        self.folder = tempfile.TemporaryDirectory()
        self.wanted: dict[str, scheduler_service_pb2.Order] = {}
        self.used: set[str] = set()
        self.forgotten: set[str] = set()
        self.reports: list[place_pb2.RunReport] = []
        self.ends: Counter[str] = Counter()
        self.live()

    def live(self) -> None:
        """A new life: the whole picture comes first."""
        clock = SystemClock()
        waits = Waits(self.clock, clock, Backoff(clock, seeded(1), 0.001, 0.001), 600)
        submitted = Submitted(Path(self.folder.name))
        self.executor = ClusterExecutor(self.cluster, submitted, waits, self.reports.append)
        for order in self.wanted.values():
            self.executor.start(order)
        self.executor.keep_only(set(self.wanted))

    def look(self) -> None:
        try:
            asyncio.run(self.executor.look())
        except Unavailable:
            assert self.cluster.away
        except Died:
            self.live()
        self.hear()

    def hear(self) -> None:
        for report in self.reports:
            order = self.wanted.get(report.placement_id)
            if report.state == STARTED and order is not None:
                order.started, order.started_at_ms = True, report.at_ms
            elif report.state != STARTED:
                self.ends[report.placement_id] += order is not None
                if self.wanted.pop(report.placement_id, None) is not None:
                    self.executor.stop(report.placement_id)
        self.reports.clear()

    @rule(name=st.sampled_from(NAMES))
    def ask(self, name: str) -> None:
        if name in self.used:
            return
        self.used.add(name)
        order = scheduler_service_pb2.Order(placement_id=name, run=True)
        order.workload.spec.duration_s_max = 60
        self.wanted[name] = order
        self.executor.start(order)

    @rule(name=st.sampled_from(NAMES))
    def take_back(self, name: str) -> None:
        if self.wanted.pop(name, None) is not None:
            self.executor.stop(name)

    @rule()
    def glance(self) -> None:
        self.look()

    @rule(name=st.sampled_from(NAMES))
    def job_starts(self, name: str) -> None:
        if self.cluster.jobs.get(name, Seen(Phase.ENDED)).phase is Phase.WAITING:
            self.cluster.jobs[name] = Seen(Phase.RUNNING)
            self.cluster.starts[name] += 1

    @rule(name=st.sampled_from(NAMES), code=st.integers(0, 255))
    def job_ends(self, name: str, code: int) -> None:
        if name in self.cluster.jobs:
            has_run = self.cluster.jobs[name].phase is not Phase.WAITING
            self.cluster.jobs[name] = Seen(Phase.ENDED, code, has_run=has_run)

    @rule(name=st.sampled_from(NAMES))
    def job_vanishes(self, name: str) -> None:
        if self.cluster.jobs.pop(name, None) is not None and name not in self.cluster.answered:
            self.forgotten.add(name)

    @rule(away=st.booleans())
    def cluster_is_away(self, away: bool) -> None:
        self.cluster.away = away

    @rule(name=st.sampled_from(["", *NAMES]))
    def cluster_hates(self, name: str) -> None:
        self.cluster.hated = name

    @rule()
    def host_dies(self) -> None:
        self.reports.clear()
        self.live()

    @precondition(lambda self: not self.cluster.away)
    @rule()
    def host_dies_between_submitting_and_remembering(self) -> None:
        self.cluster.dies_after_submit = True

    @rule(seconds=st.sampled_from([1, 61, 601]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(1_000 * seconds)

    @invariant()
    def no_program_starts_twice(self) -> None:
        # What somebody deleted before we wrote down that we made it can not be told from nothing.
        for name, count in self.cluster.starts.items():
            assert count <= 1 or name in self.forgotten

    @invariant()
    def nothing_is_submitted_again_that_was_answered(self) -> None:
        assert self.cluster.again == set()

    @invariant()
    def no_end_is_heard_twice(self) -> None:
        assert all(count <= 1 for count in self.ends.values())

    def teardown(self) -> None:
        """Everything ends, and nothing is left behind."""
        self.cluster.away, self.cluster.hated = False, ""
        for _ in range(LOOKS):
            self.look()
            for name in NAMES:
                self.job_ends(name, 0)
        for _ in range(LOOKS):
            self.look()
        assert self.wanted == {}
        assert self.cluster.jobs == {}
        assert list(Path(self.folder.name).iterdir()) == []
        self.folder.cleanup()


ClusterMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
test_cluster_executor = ClusterMachine.TestCase
