"""What a decision of PLACE owes to others: reports to ROUTE and billing events."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from hexi_scheduler.domain.placement import CLAIMED, DECLINED, ENDED, PLACED, STARTED, Placement

SLOT_MS = 15 * 60 * 1_000
CANCELLED = "cancelled"


class PlaceOutcome(IntEnum):
    """Numbers are those of the wire."""

    DECLINED = 1
    EVICTED = 2
    ENDED = 3
    CANCELLED = 4


class Report(NamedTuple):
    """An attempt came to nothing, or to its end."""

    workload_id: str
    attempt: int
    outcome: PlaceOutcome
    reason: str
    kept_ms: int = 0  # of an eviction: what it did until its last checkpoint


class UsageKind(IntEnum):
    """Numbers are those of the wire."""

    STARTED = 1
    WINDOW = 2
    ENDED = 3


class Usage(NamedTuple):
    """[start, end) of one placement, within one slot of the market."""

    kind: UsageKind
    placement: Placement
    start_ms: int
    end_ms: int
    energy_ws: int = 0


Owed = Report | Usage


def windows(placement: Placement, start_ms: int, end_ms: int) -> Iterator[Usage]:
    """[start, end) cut at the slots of the market."""
    while start_ms < end_ms:
        cut_ms = min(end_ms, (start_ms // SLOT_MS + 1) * SLOT_MS)
        yield Usage(UsageKind.WINDOW, placement, start_ms, cut_ms)
        start_ms = cut_ms


def owed_by(record: Placement) -> list[Owed]:
    """What a placement as recorded owes: a function of the record alone.

    So what a crash cut off is found again, the same to the byte, in the journal.
    """
    state = record.state
    if state is PLACED or state is CLAIMED:
        return []
    if state is DECLINED:
        return [_report(record, PlaceOutcome.DECLINED)]
    started_ms = record.run.started_at_ms
    if state is STARTED:
        return [Usage(UsageKind.STARTED, record, started_ms, started_ms)]
    owed: list[Owed] = []
    if started_ms:
        owed.extend(_last_stretch(record))
    owed.append(_report(record, _outcome_of(record)))
    return owed


def _last_stretch(over: Placement) -> Iterator[Usage]:
    start_ms = over.billed_until_ms
    end_ms = max(over.run.ended_at_ms, start_ms)
    # The end lies in its own slot; an end on a cut closes the slot before it.
    last_ms = max(start_ms, (end_ms - 1) // SLOT_MS * SLOT_MS)
    yield from windows(over, start_ms, last_ms)
    yield Usage(UsageKind.ENDED, over, last_ms, end_ms, over.run.energy_ws)


def _outcome_of(over: Placement) -> PlaceOutcome:
    if over.state is ENDED:
        return PlaceOutcome.ENDED
    return PlaceOutcome.CANCELLED if over.reason == CANCELLED else PlaceOutcome.EVICTED


def _report(placement: Placement, outcome: PlaceOutcome) -> Report:
    workload_id = placement.workload.workload_id
    kept_ms = _kept_ms(placement) if outcome is PlaceOutcome.EVICTED else 0
    return Report(workload_id, placement.attempt, outcome, placement.reason, kept_ms)


def _kept_ms(over: Placement) -> int:
    """Whole intervals between checkpoints; who may not be interrupted begins anew."""
    workload, run = over.workload, over.run
    interval_ms = workload.checkpoint_interval_s * 1_000
    if not interval_ms or not workload.interruptible or not run.started_at_ms:
        return 0
    ran_ms = max(0, run.ended_at_ms - run.started_at_ms)
    return ran_ms - ran_ms % interval_ms
