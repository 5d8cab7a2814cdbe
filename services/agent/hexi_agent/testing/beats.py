"""What a ledger must say of an agent that was away: exactly the beats nobody measured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hexi.telemetry.v1 import telemetry_pb2


def missed_beats(frames: Sequence[telemetry_pb2.Frame]) -> set[tuple[int, int]]:
    """(from, to) of the time between neighbours of a range that lie more than a beat apart."""
    missed = set()
    for first in {frame.first_server for frame in frames}:
        mine = [frame for frame in frames if frame.first_server == first]
        missed |= {
            (before.observed_at_ms, after.observed_at_ms - after.period_ms)
            for before, after in pairwise(mine)
            if after.observed_at_ms - before.observed_at_ms > 1.5 * after.period_ms
        }
    return missed


def recorded_silence(gaps: Sequence[telemetry_pb2.GapRecorded]) -> set[tuple[int, int]]:
    """(from, to) of every silence; nothing else may have been recorded."""
    assert {gap.cause for gap in gaps} <= {telemetry_pb2.GAP_CAUSE_SILENT}
    assert all(gap.last_sequence == gap.first_sequence - 1 for gap in gaps)
    return {(gap.from_ms, gap.to_ms) for gap in gaps}
