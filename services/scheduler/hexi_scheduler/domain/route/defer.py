"""Whether a workload had better start later: at an hour that costs less, or not before its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hexi_scheduler.domain.hours import HOUR_MS, HOURS, day_and_time, hour_start_ms
from hexi_scheduler.domain.route.board import HOUR_S, Board
from hexi_scheduler.domain.route.cost import PPM, stay_of
from hexi_scheduler.domain.route.pieces import better_hour, may_pause, rest_of
from hexi_scheduler.domain.route.ranking import RANK_BITS
from hexi_scheduler.domain.vouchers import MICRO_YUAN_PER_FEN
from hexi_scheduler.domain.workload import Workload


class Deferral(NamedTuple):
    """It waits until then; a site and a saving are named where the hour is why."""

    until_ms: int
    site_id: str = ""
    saving_micro_yuan: int = 0

    @property
    def reason(self) -> str:
        if not self.site_id:
            return f"not before {day_and_time(self.until_ms)}"
        fen = self.saving_micro_yuan // MICRO_YUAN_PER_FEN
        return (
            f"deferred until {day_and_time(self.until_ms)}: {self.site_id} is then expected to "
            f"cost {fen // 100}.{fen % 100:02} yuan less"
        )


def best_start(costs: Sequence[int], saving_min: int) -> tuple[int, int]:
    """How many hours to wait when a start in n hours costs `costs[n]`, and what that saves."""
    wait = min(range(len(costs)), key=costs.__getitem__)
    saving = costs[0] - costs[wait]
    return (wait, saving) if saving >= max(1, saving_min) else (0, 0)


def same_wait(one: Deferral | None, other: Deferral | None) -> bool:
    """The saving is that of the day it was decided: as time passes it is not told anew."""
    return one is not None and other is not None and one[:2] == other[:2]


def latest_start_ms(workload: Workload, board: Board) -> int:
    """So that it ends by its deadline if it runs as long as expected; 0 without a deadline."""
    if not workload.deadline_ms:
        return 0
    policy = board.policy
    return workload.deadline_ms - (policy.run_s(workload) + policy.defer_margin_s) * 1_000


def deferral(board: Board, workload: Workload, at_ms: int) -> Deferral | None:
    """None: it may start now. Never later than the latest start, whatever is forecast."""
    earliest_ms = max(at_ms, workload.not_before_ms)
    if earliest_ms == at_ms and in_pieces(board, workload):
        return pause(board, workload, at_ms)
    own = Deferral(earliest_ms) if earliest_ms > at_ms else None
    return _better_hour(board, workload, at_ms, earliest_ms) or own


def in_pieces(board: Board, workload: Workload) -> bool:
    """Whether it may be stopped and go on, and is long enough to be."""
    return board.policy.pause_ahead_h > 0 and workload.duration_s > HOUR_S and may_pause(workload)


def pause(
    board: Board, workload: Workload, at_ms: int, running_for_s: int | None = None
) -> Deferral | None:
    """None: it may run now. What it did since its last start is not counted on to be kept."""
    left = workload if running_for_s is None else rest_of(workload, running_for_s)
    found = better_hour(board, left, at_ms, running_for_s is not None)
    if found is None or found[0] > latest_start_ms(workload, board):
        return None
    return Deferral(*found)


def _better_hour(board: Board, workload: Workload, at_ms: int, earliest_ms: int) -> Deferral | None:
    """Where a start at the top of a later hour is worth the wait."""
    latest_ms = latest_start_ms(workload, board)
    # A lease has its own hours.
    if latest_ms <= earliest_ms or workload.demand.lease_id:
        return None
    first_ms = hour_start_ms(earliest_ms)
    ahead = (first_ms - hour_start_ms(at_ms)) // HOUR_MS
    # After a day the forecast repeats itself.
    waits = min(HOURS, (latest_ms - first_ms) // HOUR_MS + 1)
    known = board.ranking(workload, at_ms).best_starts
    found = known.get((ahead, waits))
    if found is None:
        found = known[ahead, waits] = _best_of(board, workload, at_ms, ahead, waits)
    wait, saving, key = found
    if not wait:
        return None
    unit_slots = workload.demand.units * stay_of(workload, board.policy, at_ms).slots
    return Deferral(first_ms + wait * HOUR_MS, board.site_of(key), saving * unit_slots)


def _best_of(
    board: Board, workload: Workload, at_ms: int, ahead: int, waits: int
) -> tuple[int, int, int]:
    """Equal demands of one hour share it; no wait where none is worth it, or nothing fits."""
    starts = board.starts(workload, at_ms)
    if not starts:
        return 0, 0, 0
    keys = [starts[(ahead + wait) % HOURS] for wait in range(waits)]
    first = board.terms(keys[0], workload, at_ms + ahead * HOUR_MS)
    saving_min = (first.energy + first.carbon) * board.policy.defer_saving_ppm_min // PPM
    wait, saving = best_start([key >> RANK_BITS for key in keys], saving_min)
    return wait, saving, keys[wait]
