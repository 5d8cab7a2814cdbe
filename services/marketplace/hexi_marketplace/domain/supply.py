"""What each site could deliver, as inventory and security last said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

GENERAL = "general"
MILLI = 1_000


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """What the market needs to know of a site."""

    site_id: str
    revision: int
    admitted: bool
    operator: str
    pue_milli: int


@dataclass(frozen=True, slots=True)
class Servers:
    """A server set as columns; `accelerator` 0 means none, else index into the models plus one."""

    site_id: str
    revision: int
    racks: Sequence[str]
    rack: Sequence[int]
    cpu_milli: Sequence[int]
    accelerator_models: Sequence[str]
    accelerator: Sequence[int]
    accelerators: Sequence[int]


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A directive; without racks it is about the whole site."""

    directive_id: str
    site_id: str
    racks: frozenset[str]
    active: bool


@dataclass(slots=True)
class _Site:
    facts: SiteFacts | None = None
    revision: int = -1
    # Rack name → class → units.
    units: dict[str, Counter[str]] = field(default_factory=dict)
    quarantines: dict[str, Quarantine] = field(default_factory=dict)


class Supply:
    """Newer revisions replace older ones; what comes late or twice changes nothing."""

    def __init__(self) -> None:
        self._sites: dict[str, _Site] = {}

    def record_site(self, facts: SiteFacts) -> None:
        site = self._site(facts.site_id)
        if site.facts is None or facts.revision >= site.facts.revision:
            site.facts = facts

    def record_servers(self, servers: Servers) -> None:
        site = self._site(servers.site_id)
        if servers.revision >= site.revision:
            site.revision, site.units = servers.revision, _units_by_rack(servers)

    def record_quarantine(self, quarantine: Quarantine) -> None:
        """A lifted one is forgotten; racks under several stay out until all are lifted."""
        quarantines = self._site(quarantine.site_id).quarantines
        if quarantine.active:
            quarantines[quarantine.directive_id] = quarantine
        else:
            quarantines.pop(quarantine.directive_id, None)

    def facts(self, site_id: str) -> SiteFacts | None:
        site = self._sites.get(site_id)
        return site.facts if site else None

    def admitted_sites(self) -> list[SiteFacts]:
        """Sites that may be traded, by name."""
        found = [site.facts for site in self._sites.values() if site.facts and site.facts.admitted]
        return sorted(found, key=lambda facts: facts.site_id)

    def units(self, site_id: str) -> Mapping[str, int]:
        """Units of each class outside of quarantine."""
        site = self._sites.get(site_id)
        total: Counter[str] = Counter()
        if site is None or any(not q.racks for q in site.quarantines.values()):
            return total
        out = frozenset[str]().union(*(q.racks for q in site.quarantines.values()))
        for rack, units in site.units.items():
            if rack not in out:
                total.update(units)
        return total

    def classes(self, site_id: str) -> list[str]:
        """Classes the site has at all, quarantined or not."""
        site = self._sites.get(site_id)
        return sorted({c for units in site.units.values() for c in units} if site else ())

    def _site(self, site_id: str) -> _Site:
        return self._sites.setdefault(site_id, _Site())


def _units_by_rack(servers: Servers) -> dict[str, Counter[str]]:
    """An accelerator is a unit of its model; a server without any gives its whole vCPUs."""
    found: dict[str, Counter[str]] = {rack: Counter() for rack in servers.racks}
    columns = zip(
        servers.rack, servers.cpu_milli, servers.accelerator, servers.accelerators, strict=True
    )
    for rack, cpu_milli, model, count in columns:
        units = found[servers.racks[rack]]
        if model and count:
            units[servers.accelerator_models[model - 1]] += count
        else:
            units[GENERAL] += cpu_milli // MILLI
    return found
