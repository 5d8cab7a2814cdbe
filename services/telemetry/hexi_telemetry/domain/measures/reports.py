"""What one site says of its way to another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class RoundTrips(NamedTuple):
    """One window of probes; without samples nothing came back."""

    min_us: int
    p50_us: int
    p99_us: int
    samples: int
    lost: int


class Report(NamedTuple):
    """What one site says of its way to another; dated when it reached us."""

    site_id: str
    peer_site_id: str
    trips: RoundTrips
    reported_at_ms: int


Reports = Mapping[tuple[str, str], Report]  # by who says it, and of whom


def by_site(reports: Iterable[Report]) -> dict[str, dict[tuple[str, str], Report]]:
    """What every site says, and what is said of it."""
    found: dict[str, dict[tuple[str, str], Report]] = {}
    for report in reports:
        ends = (report.site_id, report.peer_site_id)
        for site_id in ends:
            found.setdefault(site_id, {})[ends] = report
    return found
