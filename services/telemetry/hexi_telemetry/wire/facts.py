"""Reads inventory's records down to what telemetry keeps of them."""

from __future__ import annotations

from hexi.inventory.v1 import inventory_pb2
from hexi_kit.errors import Poison

from hexi_telemetry.domain.carbon import HOURS
from hexi_telemetry.domain.facts import ServerSetFacts, SiteFacts


def site_facts(recorded: inventory_pb2.SiteRecorded) -> SiteFacts:
    site = recorded.site
    if not site.site_id:
        raise Poison("site: expected a site_id, was empty")
    return SiteFacts(
        site.site_id,
        recorded.state == inventory_pb2.ADMISSION_STATE_ADMITTED,
        frozenset(text.lower() for text in site.agent_fingerprints),
        site.region,
        site.security_grade,
        _carbon_by_hour(site),
    )


def _carbon_by_hour(site: inventory_pb2.Site) -> tuple[int, ...]:
    """Of the contracted mix; none where the site has said nothing of its carbon."""
    hours = tuple(site.carbon_g_per_kwh_by_hour)
    if len(hours) == HOURS:
        return hours
    return (site.carbon_g_per_kwh,) * HOURS if site.carbon_g_per_kwh else ()


def server_set_facts(server_set: inventory_pb2.ServerSet) -> ServerSetFacts:
    racks, index = tuple(server_set.racks), tuple(server_set.rack_index)
    if not server_set.site_id or not server_set.revision:
        raise Poison("server set: expected a site_id and a revision")
    if index and max(index) >= len(racks):
        raise Poison(f"rack_index: expected below {len(racks)}, was {max(index)}")
    return ServerSetFacts(server_set.site_id, server_set.revision, racks, index)
