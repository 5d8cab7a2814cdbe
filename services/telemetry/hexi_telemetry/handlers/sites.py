"""Remembers what inventory says of sites, and lets a frame wait for a revision on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from hexi_telemetry.domain.check import Site
from hexi_telemetry.domain.facts import ServerSetFacts, SiteFacts

REVISIONS_MAX = 16
RACKS_NAMED_MAX = 64
HEAR_TIMEOUT_S = 2.0


@dataclass(slots=True)
class _Known:
    facts: SiteFacts | None = None
    sets: dict[int, ServerSetFacts] = field(default_factory=dict)
    site: Site | None = None


class KnownSites:
    """A memory of stored records; filled before the door opens, then as records come."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._changed = asyncio.Condition()

    async def hear(
        self, sites: Iterable[SiteFacts] = (), server_sets: Iterable[ServerSetFacts] = ()
    ) -> None:
        """Take in newer facts."""
        touched = set()
        for facts in sites:
            self._known.setdefault(facts.site_id, _Known()).facts = facts
            touched.add(facts.site_id)
        for server_set in server_sets:
            sets = self._known.setdefault(server_set.site_id, _Known()).sets
            sets[server_set.revision] = server_set
            while len(sets) > REVISIONS_MAX:
                del sets[min(sets)]
            touched.add(server_set.site_id)
        for site_id in sorted(touched):
            self._known[site_id].site = _site(site_id, self._known[site_id])
        async with self._changed:
            self._changed.notify_all()

    def find(self, site_id: str) -> Site | None:
        known = self._known.get(site_id)
        return known.site if known is not None else None

    def facts_of(self, site_id: str) -> SiteFacts | None:
        known = self._known.get(site_id)
        return known.facts if known is not None else None

    def server_set(self, site_id: str, revision: int) -> ServerSetFacts | None:
        known = self._known.get(site_id)
        return known.sets.get(revision) if known is not None else None

    def carbon_of(self, site_id: str) -> tuple[int, ...]:
        known = self._known.get(site_id)
        facts = known.facts if known is not None else None
        return facts.carbon_g_per_kwh_by_hour if facts is not None else ()

    def racks_of(self, site_id: str, revision: int, first: int, count: int) -> list[str]:
        server_set = self.server_set(site_id, revision)
        if server_set is None:
            return []
        index = sorted(set(server_set.rack_index[first : first + count]))
        return [server_set.racks[number] for number in index[:RACKS_NAMED_MAX]]

    async def heard_of(self, site_id: str, revision: int) -> None:
        """An agent may know its new revision before its record has come to us."""
        site = self.find(site_id)
        if site is None or revision <= site.newest_revision:
            return
        try:
            async with asyncio.timeout(HEAR_TIMEOUT_S), self._changed:
                await self._changed.wait_for(lambda: self._has(site_id, revision))
        except TimeoutError:
            return

    def _has(self, site_id: str, revision: int) -> bool:
        site = self.find(site_id)
        return site is not None and site.newest_revision >= revision


def _site(site_id: str, known: _Known) -> Site:
    facts = known.facts
    return Site(
        site_id,
        facts is not None and facts.is_admitted,
        max(known.sets, default=0),
        {revision: len(one.rack_index) for revision, one in known.sets.items()},
        facts.fingerprints if facts is not None else frozenset(),
    )
