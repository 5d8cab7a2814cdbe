"""What the passing of time decides in a site: runs that are too long, leases, usage, oblivion."""

from __future__ import annotations

from collections.abc import Iterator

from hexi_scheduler.domain.owed import SLOT_MS
from hexi_scheduler.domain.place.closing import close_drained, close_for_maintenance
from hexi_scheduler.domain.place.penalty import reopen
from hexi_scheduler.domain.place.place_commands import Tick
from hexi_scheduler.domain.place.place_events import (
    ClockMoved,
    PlaceEvent,
    PlacementForgotten,
    ReservationChanged,
)
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.placement import Placement, PlacementState
from hexi_scheduler.domain.rules import Rules

# Executors report late: a window closes this long after its end.
GRACE_MS = 2 * 60 * 1_000
REMEMBER_MS = 60 * 60 * 1_000
REMEMBER_MAX = 50_000
FORGET_PER_TICK_MAX = 2_000
TOO_LONG = "duration_s_max reached"


def tick(site: Site, command: Tick, rules: Rules) -> Iterator[PlaceEvent]:
    """In this order: what ends is billed from where the clock stood before it moves."""
    now_ms = command.now_ms
    if now_ms <= site.now_ms:
        return
    yield from _end_overdue(site, now_ms)
    yield from close_drained(site, now_ms)
    yield from close_for_maintenance(site, now_ms)
    yield from reopen(site, now_ms, rules.keep.penalty)
    billed_until_ms = max(site.billed_until_ms, (now_ms - GRACE_MS) // SLOT_MS * SLOT_MS)
    for lease in sorted(r for r in site.reservations.values() if r.end_ms <= billed_until_ms):
        yield ReservationChanged(lease, over=True)
    yield ClockMoved(now_ms, site.billed_until_ms, billed_until_ms)
    yield from _forget(site, now_ms)


def _end_overdue(site: Site, now_ms: int) -> Iterator[Placement]:
    due = [(at, name) for name, at in site.deadlines.items() if at <= now_ms]
    for at_ms, name in sorted(due):
        placement = site.placements[name]
        billed_ms = site.billed_until(placement)
        run = placement.run._replace(ended_at_ms=max(at_ms, billed_ms), exit_code=-1)
        yield placement._replace(
            state=PlacementState.ENDED,
            run=run,
            billed_until_ms=billed_ms,
            reason=TOO_LONG,
        )


def _forget(site: Site, now_ms: int) -> Iterator[PlacementForgotten]:
    surplus = len(site.finished) - REMEMBER_MAX
    forgotten: list[PlacementForgotten] = []
    for name, ended_ms in site.finished.items():
        count = len(forgotten)
        if count == FORGET_PER_TICK_MAX and count >= surplus:
            break
        if count >= surplus and ended_ms > now_ms - REMEMBER_MS:
            break
        forgotten.append(PlacementForgotten(name))
    yield from forgotten
