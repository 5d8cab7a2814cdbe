"""The life of one run in a cluster that somebody else keeps: what to do next, given what is seen.

asked for -> waiting -> running -> ended. A run whose job may exist is never submitted again: it is
seen in time, or it is lost.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from hexi_agent.domain.simulated_runs import TOO_LONG, TOO_LONG_EXIT_CODE

MISSES_MAX = 3
LOST, LOST_EXIT_CODE = "lost", -1
STOPPED_EXIT_CODE = 128 + 15
TAKEN_BACK = "taken back"


class Phase(Enum):
    """How far the cluster has come with a job."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


class Seen(NamedTuple):
    """What the cluster says of one job; `detail` is its own word for why it waits or ended."""

    phase: Phase
    exit_code: int = 0
    detail: str = ""
    has_run: bool = False


class Step(Enum):
    """What to do about a run now."""

    WAIT = "wait"
    SUBMIT = "submit"
    TELL_STARTED = "tell started"
    CANCEL = "cancel"
    TELL_ENDED = "tell ended"
    TELL_FAILED = "tell failed to start"
    FORGET = "forget"


class ClusterRun(NamedTuple):
    """One run as far as we know; `started_at_ms` is 0 until it was seen running."""

    placement_id: str
    duration_s: int
    waits_until_ms: int
    # We submitted it, in this life or an earlier one, or somebody recorded that it started.
    may_exist: bool
    started_at_ms: int = 0
    started_is_told: bool = False
    # Why we end it, once we do.
    stop_reason: str = ""
    misses: int = 0


def next_step(run: ClusterRun, seen: Seen | None, now_ms: int) -> tuple[ClusterRun, Step]:
    """Decide from one look at the cluster; `seen` is None where it knows no such job."""
    if seen is None:
        return _unseen(run)
    run = run._replace(may_exist=True, misses=0)
    has_run = seen.has_run or seen.phase is Phase.RUNNING
    if has_run and not run.started_is_told:
        started_at_ms = run.started_at_ms or now_ms
        return run._replace(started_at_ms=started_at_ms, started_is_told=True), Step.TELL_STARTED
    if seen.phase is Phase.ENDED:
        return run, Step.TELL_ENDED if run.started_is_told else _never_ran(run)
    run = run._replace(stop_reason=run.stop_reason or _why_stop(run, seen, now_ms))
    return run, Step.CANCEL if run.stop_reason else Step.WAIT


def outcome(run: ClusterRun, seen: Seen | None) -> tuple[int, str]:
    """Exit code and reason of a run that is over."""
    if run.stop_reason == TOO_LONG or (seen is not None and seen.detail == TOO_LONG):
        return TOO_LONG_EXIT_CODE, TOO_LONG
    if seen is None:
        return (STOPPED_EXIT_CODE, run.stop_reason) if run.stop_reason else (LOST_EXIT_CODE, LOST)
    return seen.exit_code, run.stop_reason or seen.detail


def _unseen(run: ClusterRun) -> tuple[ClusterRun, Step]:
    if run.stop_reason:
        return run, Step.TELL_ENDED if run.started_is_told else _never_ran(run)
    if not run.may_exist:
        return run, Step.SUBMIT
    run = run._replace(misses=run.misses + 1)
    # One empty answer may be a cluster that has just come up; then its jobs come back.
    return run, Step.TELL_ENDED if run.misses >= MISSES_MAX else Step.WAIT


def _never_ran(run: ClusterRun) -> Step:
    """Nobody waits for the end of what was taken back; the rest may run elsewhere."""
    return Step.FORGET if run.stop_reason == TAKEN_BACK else Step.TELL_FAILED


def _why_stop(run: ClusterRun, seen: Seen, now_ms: int) -> str:
    if seen.phase is Phase.WAITING:
        late = now_ms >= run.waits_until_ms
        return f"not started in time: {seen.detail or 'no reason given'}" if late else ""
    late = now_ms >= run.started_at_ms + 1_000 * run.duration_s
    return TOO_LONG if late else ""
