"""The life of simulated runs: started when ordered, ended when their time is over or taken back."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from hexi_agent.domain.load import Load, Share

DURATION_S_DEFAULT = 600
REMEMBERED_MAX = 200_000
TOO_LONG = "duration_s_max reached"
TOO_LONG_EXIT_CODE = 124


class RunOrder(NamedTuple):
    """What a site is asked to run; `started_at_ms` is 0 until somebody recorded a start."""

    placement_id: str
    shares: tuple[Share, ...]
    duration_s: int
    duration_s_max: int
    started_at_ms: int = 0


class RunState(Enum):
    """Numbers are those of the wire."""

    STARTED = 1
    ENDED = 2


class RunEvent(NamedTuple):
    """What the scheduler is told of a run."""

    placement_id: str
    state: RunState
    at_ms: int
    exit_code: int = 0
    energy_ws: int = 0
    cpu_us: int = 0
    reason: str = ""


class _Run(NamedTuple):
    order: RunOrder
    started_at_ms: int
    ends_at_ms: int


class SimulatedRuns:
    """Needs no disk: orders that come again say when they started, and the rest follows."""

    def __init__(self, load: Load, watts_of: Callable[[tuple[Share, ...]], float]) -> None:
        self._load, self._watts_of = load, watts_of
        self._runs: dict[str, _Run] = {}
        self._ends: list[tuple[int, str]] = []
        # The echo of our own start may come after a short run has ended: it must not begin again.
        self._over: OrderedDict[str, None] = OrderedDict()

    def begin(self, order: RunOrder, now_ms: int) -> list[RunEvent]:
        """Runs it, unless it runs already or is over."""
        name = order.placement_id
        if name in self._runs or name in self._over:
            return []
        started_at_ms = order.started_at_ms or now_ms
        run = _Run(order, started_at_ms, started_at_ms + 1_000 * _lasts_s(order))
        self._runs[name] = run
        heapq.heappush(self._ends, (run.ends_at_ms, name))
        self._load.take(order.shares)
        return [] if order.started_at_ms else [RunEvent(name, RunState.STARTED, now_ms)]

    def take_back(self, placement_id: str) -> None:
        """Whoever takes it back knows that it ends."""
        run = self._runs.pop(placement_id, None)
        if run is not None:
            self._load.give_back(run.order.shares)
            self._remember(placement_id)

    def keep_only(self, wanted: set[str]) -> None:
        """The scheduler's whole picture: what is not in it was taken back while we were away."""
        for placement_id in sorted(self._runs.keys() - wanted):
            self.take_back(placement_id)

    def end_due(self, now_ms: int) -> list[RunEvent]:
        """The ends up to now, in order."""
        events: list[RunEvent] = []
        while self._ends and self._ends[0][0] <= now_ms:
            _, name = heapq.heappop(self._ends)
            run = self._runs.pop(name, None)
            if run is not None:
                self._load.give_back(run.order.shares)
                self._remember(name)
                events.append(self._end_of(run))
        return events

    def __len__(self) -> int:
        return len(self._runs)

    def _end_of(self, run: _Run) -> RunEvent:
        order, lasted_ms = run.order, run.ends_at_ms - run.started_at_ms
        too_long = 0 < order.duration_s_max < _wants_s(order)
        return RunEvent(
            order.placement_id,
            RunState.ENDED,
            run.ends_at_ms,
            TOO_LONG_EXIT_CODE if too_long else 0,
            round(self._watts_of(order.shares) * lasted_ms / 1_000),
            sum(share.cpu_milli for share in order.shares) * lasted_ms,
            TOO_LONG if too_long else "",
        )

    def _remember(self, placement_id: str) -> None:
        self._over[placement_id] = None
        while len(self._over) > REMEMBERED_MAX:
            self._over.popitem(last=False)


def _wants_s(order: RunOrder) -> int:
    return order.duration_s or DURATION_S_DEFAULT


def _lasts_s(order: RunOrder) -> int:
    return min(_wants_s(order), order.duration_s_max or _wants_s(order))
