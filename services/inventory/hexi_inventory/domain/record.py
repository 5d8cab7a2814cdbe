"""What the inventory keeps of each noun, and the key under which a request is answered once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hexi_inventory.domain.admission import State
from hexi_inventory.domain.server_set import Difference, ServerSet
from hexi_inventory.domain.site import Site, SiteClass


@dataclass(frozen=True, slots=True)
class SiteRecord:
    """One revision of a site's facts; `state` is its standing when the record was read or made."""

    site: Site
    revision: int
    state: State
    valid_from_ms: int
    recorded_at_ms: int
    recorded_by: str

    @property
    def site_class(self) -> SiteClass:
        return self.site.site_class


@dataclass(frozen=True, slots=True)
class ServerSetRecord:
    """One revision of a server set and what it changed."""

    servers: ServerSet
    revision: int
    difference: Difference
    recorded_at_ms: int
    recorded_by: str


class Verb(StrEnum):
    """What a mutating request does."""

    REGISTER = "register"
    PUBLISH = "publish"
    CONFORM = "conform"
    DECIDE = "decide"


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The same key of the same caller means the same request: `digest` is of what it asked."""

    verb: Verb
    principal: str
    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class Rollup:
    """Metered energy of one closed interval, in watt-seconds."""

    site_id: str
    start_ms: int
    end_ms: int
    revision: int
    it_energy_ws: int
    facility_energy_ws: int
    coverage_ppm: int
