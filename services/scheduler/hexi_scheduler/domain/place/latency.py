"""Takes measured latency into a site, and says which one counts: the measured or the registered."""

from __future__ import annotations

from collections.abc import Iterator

from hexi_scheduler.domain.latency import (
    LatencyMeasured,
    LatencyRules,
    MeasureLatency,
    RegionLatency,
)
from hexi_scheduler.domain.place.site import Site


def hear(site: Site, command: MeasureLatency, rules: LatencyRules) -> Iterator[LatencyMeasured]:
    """Written when one moved, or before what is known grows stale: not with every window."""
    known = {one.region: one for one in site.latency.regions}
    if any(_is_news(one, known.get(one.region), rules) for one in command.regions):
        later = {one.region: one for one in command.regions if _is_later(one, known)}
        yield LatencyMeasured(tuple(sorted((known | later).values())))


def latencies_us(site: Site, rules: LatencyRules) -> tuple[tuple[tuple[str, int], ...], list[str]]:
    """One way to each region as it counts now, and which of them are measured."""
    fresh = [
        one for one in site.latency.regions if one.measured_at_ms + rules.fresh_ms > site.now_ms
    ]
    registered = dict(site.facts.latencies_us) if site.facts is not None else {}
    counted = registered | {one.region: one.one_way_us for one in fresh}
    return tuple(sorted(counted.items())), [one.region for one in fresh]


def _is_news(one: RegionLatency, known: RegionLatency | None, rules: LatencyRules) -> bool:
    if not rules.fresh_ms or known is None:
        return bool(rules.fresh_ms)
    age_ms = one.measured_at_ms - known.measured_at_ms
    has_moved = abs(one.one_way_us - known.one_way_us) > rules.told_us
    return age_ms > 0 and (has_moved or age_ms > rules.fresh_ms // 2)


def _is_later(one: RegionLatency, known: dict[str, RegionLatency]) -> bool:
    before = known.get(one.region)
    return before is None or one.measured_at_ms > before.measured_at_ms
