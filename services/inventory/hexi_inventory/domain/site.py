"""A site as its operator describes it, and what follows from its size alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

LARGE_RACKS = 3_000
SUPER_LARGE_RACKS = 10_000
SMALL_MEDIUM_RACKS = 100


class SiteClass(IntEnum):
    """Class by standard racks (2.5 kW of design power each); numbers are those of the wire."""

    EDGE = 1
    SMALL_MEDIUM = 2
    LARGE = 3
    SUPER_LARGE = 4

    @property
    def word(self) -> str:
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class Contact:
    """Who answers when something is wrong."""

    name: str
    email: str
    phone: str


@dataclass(frozen=True, slots=True)
class Maintenance:
    """The racks take no work in [start, end) and run none; no racks: the whole site."""

    window_id: str
    start_ms: int
    end_ms: int
    racks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """Facts of one site; powers in watts, PUE in thousandths, prices in micro-yuan."""

    site_id: str
    name_zh: str
    name_en: str
    hub: str
    cluster: str
    region: str
    operator: str
    contact: Contact
    standard_racks: int
    racks_in_use: int
    design_power_w: int
    rack_power_w: int
    existing: bool
    start_zone: bool
    pue_milli: int
    green_grade: str
    security_grade: int
    state_owned_cloud: bool
    carbon_g_per_kwh: int
    prices: tuple[tuple[str, int], ...]
    latencies: tuple[tuple[str, int], ...]
    commissioned_on: str
    agent_fingerprints: tuple[str, ...]
    # By hour of the day in Asia/Shanghai, of the contracted mix; none: as the flat value.
    pue_milli_by_hour: tuple[int, ...] = ()
    carbon_g_per_kwh_by_hour: tuple[int, ...] = ()
    latitude_e6: int = 0
    longitude_e6: int = 0
    maintenance: tuple[Maintenance, ...] = ()

    @property
    def site_class(self) -> SiteClass:
        if self.standard_racks >= SUPER_LARGE_RACKS:
            return SiteClass.SUPER_LARGE
        if self.standard_racks >= LARGE_RACKS:
            return SiteClass.LARGE
        if self.standard_racks >= SMALL_MEDIUM_RACKS:
            return SiteClass.SMALL_MEDIUM
        return SiteClass.EDGE
