"""All that is measured of one site, put together; and the rules by which it is."""

from __future__ import annotations

from typing import NamedTuple

from hexi_telemetry.domain.facts import SiteFacts
from hexi_telemetry.domain.measures.compute import ComputeVector
from hexi_telemetry.domain.measures.grades import GradeRule
from hexi_telemetry.domain.measures.hours import CarbonHour
from hexi_telemetry.domain.measures.links import Link, LinkRules, RegionLatency
from hexi_telemetry.domain.measures.precision import Precision
from hexi_telemetry.domain.measures.rate import Rate

NOBODY = SiteFacts("", False, frozenset())


class MeasureRules(NamedTuple):
    """Dated rules, read once."""

    link: LinkRules
    window_days: int
    grades: tuple[GradeRule, ...]


class Member(NamedTuple):
    """An agent in the mesh: where it answers, and half of every pair's key."""

    site_id: str
    agent_id: str
    address: str
    public_key: bytes


class SiteMeasures(NamedTuple):
    """As published; two that are equal say the same."""

    site_id: str
    links: tuple[Link, ...] = ()
    latencies: tuple[RegionLatency, ...] = ()
    compute: tuple[ComputeVector, ...] = ()
    totals: tuple[Rate[Precision], ...] = ()
    carbon_hours: tuple[CarbonHour, ...] = ()

    @property
    def measured_at_ms(self) -> int:
        """Of the newest part."""
        moments = [link.measured_at_ms for link in self.links]
        moments += [vector.measured_at_ms for vector in self.compute]
        moments += [hour.start_ms for hour in self.carbon_hours]
        return max(moments, default=0)
