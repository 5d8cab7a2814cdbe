"""What ROUTE has looked at already, looked at again where it counts: may this work be here?"""

from __future__ import annotations

from hexi_scheduler.domain.closures import SITE_LOST
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.workload import Demand


def closed_to(site: Site, demand: Demand) -> str:
    """Why the site takes this work under no condition; empty when nothing speaks against."""
    if site.facts is None or not site.facts.admitted or site.server_set is None:
        return "the site is not admitted"
    if site.keeping.loss is not None:
        return SITE_LOST
    return site.case(demand).misrouted
