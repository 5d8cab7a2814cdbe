"""One way to a region as measured, and how long that counts more than what is registered."""

from __future__ import annotations

from typing import NamedTuple


class RegionLatency(NamedTuple):
    """Microseconds to the middle one of a region's sites."""

    region: str
    one_way_us: int
    measured_at_ms: int


class LatencyRules(NamedTuple):
    """Without policy nothing is fresh, and what is registered counts."""

    fresh_ms: int = 0
    told_us: int = 0


class MeasureLatency(NamedTuple):
    """What telemetry has measured of one site."""

    regions: tuple[RegionLatency, ...]


class LatencyMeasured(NamedTuple):
    """The newest of every region, by name; replaces what was known."""

    regions: tuple[RegionLatency, ...]
