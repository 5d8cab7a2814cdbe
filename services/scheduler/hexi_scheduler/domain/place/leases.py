"""Units that leases keep from everybody else, now and in the slots to come."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping

from hexi_scheduler.domain.facts import Reservation
from hexi_scheduler.domain.workload import Workload

Peaks = tuple[tuple[int, int], ...]  # from then on, the most that was kept at any time up to it
FOREVER_MS = 2**62
# Executors do not start at once: a run is given this much longer before it must have ended.
START_SLACK_MS = 60_000


def end_ms_of(workload: Workload, at_ms: int) -> int:
    """When it will have ended if it is placed now; nobody knows where it has no longest run."""
    length_ms = workload.duration_s_max * 1_000
    return at_ms + length_ms + START_SLACK_MS if length_ms else FOREVER_MS


def peaks(leases: Iterable[Reservation], drawn: Mapping[str, int], now_ms: int) -> Peaks:
    """How the most that leases of one class keep at a time grows with how far one looks ahead."""
    steps: list[tuple[int, int]] = []
    for lease in leases:
        left = lease.units - drawn.get(lease.lease_id, 0)
        if left > 0 and lease.end_ms > now_ms:
            steps += [(max(lease.start_ms, now_ms), left), (lease.end_ms, -left)]
    found: list[tuple[int, int]] = []
    kept = most = 0
    # At one moment the leases that end give back before others begin.
    for at_ms, units in sorted(steps):
        kept += units
        if kept > most:
            most = kept
            if found and found[-1][0] == at_ms:
                found.pop()
            found.append((at_ms, most))
    return tuple(found)


def most_before(known: Peaks, until_ms: int) -> int:
    """What must stay free of a run that ends then."""
    at = bisect_left(known, (until_ms,))
    return known[at - 1][1] if at else 0
