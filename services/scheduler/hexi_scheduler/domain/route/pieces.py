"""Runs in pieces: which hours until its deadline work had better run in, if it may be stopped.

A stop costs what ran since the last checkpoint and the way back to it. So work that seldom saves
itself, or whose servers are dear beside what they burn, is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hexi_scheduler.domain.hours import HOUR_MS, HOURS, hour_start_ms
from hexi_scheduler.domain.route.board import HOUR_S, Board
from hexi_scheduler.domain.route.cost import PPM, SLOT_S
from hexi_scheduler.domain.route.ranking import RANK_BITS
from hexi_scheduler.domain.route.route_policy import RoutePolicy
from hexi_scheduler.domain.workload import Workload

NEVER = 1 << 60
NO_WAIT = (0, 0)


def may_pause(workload: Workload) -> bool:
    """It goes on where it stopped, and has said how long it runs and until when it must be done."""
    saves_itself = workload.interruptible and workload.checkpoint_interval_s > 0
    timed = workload.duration_s > 0 and workload.deadline_ms > 0
    return saves_itself and timed and not workload.demand.lease_id


def rest_of(workload: Workload, done_s: int) -> Workload:
    """What is left of its run."""
    if not done_s or not workload.duration_s:
        return workload
    return workload._replace(duration_s=max(1, workload.duration_s - done_s))


def wait_of(costs: Sequence[int], needed: int, stop: int, running: bool) -> tuple[int, int]:
    """For how many hours from now it had better not run, and what that saves; 0: it runs now.

    The least cost of `needed` of these hours, each stop between them costing `stop`; equal costs
    run sooner.
    """
    # By hours left to do, from an hour on: when it did not run before that hour, and when it did.
    off = np.full(needed + 1, NEVER, np.int64)
    off[0] = 0
    on, stops = off.copy(), np.full(needed + 1, stop, np.int64)
    stops[0] = 0
    begins: list[bool] = []
    for cost in reversed(costs):
        run, later = np.full(needed + 1, NEVER, np.int64), off
        run[1:] = np.minimum(on[:-1] + cost, NEVER)
        begins.append(bool(run[needed] <= later[needed]))
        off, on = np.minimum(run, later), np.minimum(run, later + stops)
    if later[needed] >= NEVER:
        return NO_WAIT
    saving = int(run[needed] - later[needed]) - stop * running
    begins.reverse()
    return (begins.index(True, 1), saving) if saving > 0 else NO_WAIT


def better_hour(
    board: Board, workload: Workload, at_ms: int, running: bool = False
) -> tuple[int, str, int] | None:
    """Until when it had better not run, where it then goes on, and what that saves; None: now.

    `workload` is what is left of it. What a stop costs is reckoned as lost time; that a
    run loses all since its start is not expected, so the latest start is the caller's to keep.
    """
    policy = board.policy
    first_ms = hour_start_ms(at_ms)
    until_ms = workload.deadline_ms - policy.defer_margin_s * 1_000
    hours = min(policy.pause_ahead_h, (until_ms - first_ms) // HOUR_MS)
    needed = -(-workload.duration_s // HOUR_S)
    if hours <= needed:
        return None
    hourly = workload._replace(duration_s=HOUR_S)
    starts = board.starts(hourly, at_ms)
    if not starts:
        return None
    known = board.ranking(hourly, at_ms).pieces
    key = (needed, hours, workload.checkpoint_interval_s, running)
    found = known.get(key)
    if found is None:
        costs = [starts[hour % HOURS] >> RANK_BITS for hour in range(hours)]
        stop = _stop(policy, workload.checkpoint_interval_s, costs)
        wait, saving = wait_of(costs, needed, stop, running)
        now = board.terms(starts[0], hourly, at_ms)
        least = (now.energy + now.carbon) * needed * policy.defer_saving_ppm_min // PPM
        found = known[key] = (wait, saving) if saving >= max(1, least) else NO_WAIT
    wait, saving = found
    if not wait:
        return None
    slots = workload.demand.units * (HOUR_S // SLOT_S)
    return first_ms + wait * HOUR_MS, board.site_of(starts[wait % HOURS]), saving * slots


def _stop(policy: RoutePolicy, checkpoint_interval_s: int, costs: Sequence[int]) -> int:
    """Half an interval on average, and the restart, at what an hour costs on average."""
    lost_s = checkpoint_interval_s // 2 + policy.pause_restart_s
    return sum(costs) * lost_s // (len(costs) * HOUR_S)
