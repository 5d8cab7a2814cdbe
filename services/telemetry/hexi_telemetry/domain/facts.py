"""What telemetry keeps of inventory's records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """One site's standing; `fingerprints` are of the certificates whose keys may sign for it.

    The carbon of the contracted mix is by hour of the day in Asia/Shanghai, 24 values or none.
    """

    site_id: str
    is_admitted: bool
    fingerprints: frozenset[str]
    region: str = ""
    security_grade: int = 0
    carbon_g_per_kwh_by_hour: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerSetFacts:
    """One revision: which rack each server stands in, by dense index."""

    site_id: str
    revision: int
    racks: tuple[str, ...]
    rack_index: tuple[int, ...]
