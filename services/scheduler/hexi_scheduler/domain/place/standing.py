"""What ROUTE has looked at already, looked at again where it counts: may this work be here?"""

from __future__ import annotations

from hexi_scheduler.domain.facts import SiteFacts
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.site_loss import SITE_LOST
from hexi_scheduler.domain.workload import Demand


def closed_to(site: Site, demand: Demand) -> str:
    """Why the site takes this work under no condition; empty when nothing speaks against."""
    if site.facts is None or not site.facts.admitted or site.server_set is None:
        return "the site is not admitted"
    if site.keeping.loss is not None:
        return SITE_LOST
    return _misrouted(site.site_id, site.facts, demand)


def _misrouted(site_id: str, facts: SiteFacts, demand: Demand) -> str:
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
