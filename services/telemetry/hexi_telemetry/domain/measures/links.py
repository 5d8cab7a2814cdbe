"""Round trips between sites: two reports make a link, and links to a region its latency."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import NamedTuple

from hexi_telemetry.domain.measures.reports import Report, Reports, RoundTrips

MILLI = 1_000


class LinkState(IntEnum):
    """Numbers are those of the wire."""

    AGREED = 1
    ONE_SIDED = 2
    DISPUTED = 3


class LinkRules(NamedTuple):
    """Two sides may differ by `differ_us` or by `differ_milli` of the larger, whichever is more."""

    fresh_ms: int
    differ_us: int
    differ_milli: int


class Link(NamedTuple):
    """As both sides together have it: of a pair that disagrees, the larger counts."""

    peer_site_id: str
    trips: RoundTrips
    state: LinkState
    measured_at_ms: int


class RegionLatency(NamedTuple):
    """Half the round trip to the middle one of a region's sites."""

    region: str
    one_way_us: int
    sites: int
    samples: int
    measured_at_ms: int


def links_of(site_id: str, reports: Reports, rules: LinkRules, now_ms: int) -> list[Link]:
    """Every link of a site that either end has measured lately, by peer."""
    fresh = {
        ends: report
        for ends, report in reports.items()
        if site_id in ends
        and report.trips.samples
        and now_ms - report.reported_at_ms < rules.fresh_ms
    }
    peers = sorted({one for ends in fresh for one in ends} - {site_id})
    return [
        _link(peer, fresh.get((site_id, peer)), fresh.get((peer, site_id)), rules) for peer in peers
    ]


def _link(peer: str, own: Report | None, other: Report | None, rules: LinkRules) -> Link:
    said = [report for report in (own, other) if report is not None]
    counts = max(said, key=lambda report: (report.trips.p50_us, report.trips.p99_us))
    measured_at_ms = min(report.reported_at_ms for report in said)
    if len(said) < 2:
        return Link(peer, counts.trips, LinkState.ONE_SIDED, measured_at_ms)
    larger, smaller = sorted((report.trips.p50_us for report in said), reverse=True)
    allowed_us = max(rules.differ_us, larger * rules.differ_milli // MILLI)
    state = LinkState.DISPUTED if larger - smaller > allowed_us else LinkState.AGREED
    return Link(peer, counts.trips, state, measured_at_ms)


def latencies(links: Iterable[Link], region_of: Callable[[str], str]) -> list[RegionLatency]:
    """One way to each region. What only one side says may be a lie that nobody has denied."""
    by_region: dict[str, list[Link]] = {}
    for link in links:
        region = region_of(link.peer_site_id)
        if region and link.state is not LinkState.ONE_SIDED:
            by_region.setdefault(region, []).append(link)
    return [_latency(region, found) for region, found in sorted(by_region.items())]


def _latency(region: str, links: list[Link]) -> RegionLatency:
    ways = sorted((link.trips.p50_us + 1) // 2 for link in links)
    return RegionLatency(
        region,
        ways[len(ways) // 2],
        len(links),
        sum(link.trips.samples for link in links),
        min(link.measured_at_ms for link in links),
    )
