"""Goal: one look at a cluster decides rightly what comes next. Method: each situation once."""

from __future__ import annotations

import pytest
from hexi_agent.domain.cluster_runs import (
    MISSES_MAX,
    TAKEN_BACK,
    ClusterRun,
    Phase,
    Seen,
    Step,
    next_step,
    outcome,
)
from hexi_agent.domain.simulated_runs import TOO_LONG

NOW = 1_000_000
RUN = ClusterRun("p1", duration_s=60, waits_until_ms=NOW + 10_000, may_exist=False)
RUNS = RUN._replace(may_exist=True, started_is_told=True, started_at_ms=NOW)
WAITING, RUNNING = Seen(Phase.WAITING), Seen(Phase.RUNNING)
OVER = Seen(Phase.ENDED, 3, has_run=True)
NEVER_RAN = Seen(Phase.ENDED, 1, "node failure")


@pytest.mark.parametrize(
    ("run", "seen", "now_ms", "step"),
    [
        (RUN, None, NOW, Step.SUBMIT),
        (RUN._replace(stop_reason=TAKEN_BACK), None, NOW, Step.FORGET),
        (RUN._replace(may_exist=True), None, NOW, Step.WAIT),
        (RUN, WAITING, NOW, Step.WAIT),
        (RUN, WAITING, NOW + 10_000, Step.CANCEL),
        (RUN._replace(stop_reason=TAKEN_BACK), WAITING, NOW, Step.CANCEL),
        (RUN, RUNNING, NOW, Step.TELL_STARTED),
        (RUN, OVER, NOW, Step.TELL_STARTED),
        (RUN, NEVER_RAN, NOW, Step.TELL_FAILED),
        (RUN._replace(stop_reason=TAKEN_BACK), NEVER_RAN, NOW, Step.FORGET),
        (RUNS, RUNNING, NOW + 59_999, Step.WAIT),
        (RUNS, RUNNING, NOW + 60_000, Step.CANCEL),
        (RUNS._replace(stop_reason=TAKEN_BACK), RUNNING, NOW, Step.CANCEL),
        (RUNS._replace(stop_reason=TAKEN_BACK), None, NOW, Step.TELL_ENDED),
        (RUNS, OVER, NOW, Step.TELL_ENDED),
    ],
)
def test_what_comes_next(run: ClusterRun, seen: Seen | None, now_ms: int, step: Step) -> None:
    assert next_step(run, seen, now_ms)[1] is step


def test_what_is_not_seen_for_a_while_is_lost() -> None:
    run, steps = RUNS, []
    for _ in range(MISSES_MAX):
        run, step = next_step(run, None, NOW)
        steps.append(step)

    assert steps == [Step.WAIT] * (MISSES_MAX - 1) + [Step.TELL_ENDED]
    assert outcome(run, None) == (-1, "lost")


def test_what_comes_back_in_time_is_not_lost() -> None:
    run, _ = next_step(RUNS, None, NOW)
    run, _ = next_step(run, RUNNING, NOW)

    assert run.misses == 0


@pytest.mark.parametrize(
    ("run", "seen", "told"),
    [
        (RUNS, OVER, (3, "")),
        (RUNS, OVER._replace(detail="OOMKilled"), (3, "OOMKilled")),
        (RUNS._replace(stop_reason=TAKEN_BACK), OVER, (3, TAKEN_BACK)),
        (RUNS._replace(stop_reason=TAKEN_BACK), None, (143, TAKEN_BACK)),
        (RUNS._replace(stop_reason=TOO_LONG), None, (124, TOO_LONG)),
        (RUNS, OVER._replace(detail=TOO_LONG), (124, TOO_LONG)),
    ],
)
def test_what_is_told_of_the_end(run: ClusterRun, seen: Seen | None, told: tuple[int, str]) -> None:
    assert outcome(run, seen) == told
