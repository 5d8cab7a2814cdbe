"""What a site can say of a demand whatever runs there."""

from __future__ import annotations

from typing import NamedTuple

from hexi_scheduler.domain.facts import SiteFacts
from hexi_scheduler.domain.place.capacity import Tiers
from hexi_scheduler.domain.workload import Demand


class Case(NamedTuple):
    """Why it must not be here; and the pools that could hold a replica, together where they cost
    the same, cheapest first."""

    demand: Demand
    misrouted: str
    prices: tuple[int, ...]
    tiers: Tiers


def misrouted(site_id: str, facts: SiteFacts, demand: Demand) -> str:
    asked = demand.constraints
    if asked.state_owned_cloud and not facts.state_owned_cloud:
        return "the site is not of the state-owned cloud"
    if facts.security_grade < asked.security_grade_min:
        return f"the site has security grade {facts.security_grade} < {asked.security_grade_min}"
    if asked.regions and facts.region not in asked.regions:
        return f"the site is in region {facts.region}"
    if asked.site_ids and site_id not in asked.site_ids:
        return "the site is not among those named"
    return ""
