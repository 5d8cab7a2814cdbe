"""Takes in what agents measured, and publishes and grades what follows from it."""

from __future__ import annotations

from collections.abc import Mapping

from hexi_kit.clock import Clock
from hexi_kit.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Violation,
)
from hexi_kit.metrics import counter

from hexi_telemetry.domain.carbon import HOUR_MS
from hexi_telemetry.domain.facts import SiteFacts
from hexi_telemetry.domain.measures.compute import ComputeVector, SiteCompute, site_compute
from hexi_telemetry.domain.measures.figures import (
    compute_figures,
    day_of,
    energy_figures,
    latency_figures,
    security_figures,
)
from hexi_telemetry.domain.measures.grades import Grade, grades, rules_at
from hexi_telemetry.domain.measures.hours import HourEnergy, carbon_hours
from hexi_telemetry.domain.measures.links import LinkState, latencies, links_of
from hexi_telemetry.domain.measures.reports import Report, Reports, RoundTrips, by_site
from hexi_telemetry.domain.measures.site import NOBODY, MeasureRules, Member, SiteMeasures
from hexi_telemetry.ports.measures import KnownFacts, MeasureStore

PUBLISH_S = 60
CARBON_HOURS = 24
DAY_MS = 24 * HOUR_MS
# In real time: what is bounded is our work.
REPORT_INTERVAL_MIN_S = 0.5


class Measures:
    """Reports are kept as they come; what they say together is looked at once a minute."""

    def __init__(
        self, store: MeasureStore, facts: KnownFacts, rules: MeasureRules, clock: Clock
    ) -> None:
        self._store, self._facts, self._rules, self._clock = store, facts, rules, clock
        self._reported_s: dict[str, float] = {}
        # What a site's vectors come to, and for how many servers; a site may have many vectors,
        # and few change in a minute.
        self._compute: dict[str, tuple[int, SiteCompute]] = {}
        self._reading: set[str] = set()
        self._measured: set[str] | None = None
        self._told: dict[str, SiteMeasures] = {}
        self._disputed: set[tuple[str, str]] = set()

    async def report_mesh(self, member: Member, found: Mapping[str, RoundTrips]) -> list[Member]:
        """Take the report in; whom to measure next."""
        site_id, now_ms = member.site_id, self._clock.now_ms()
        self._require_admitted(site_id)
        self._hold_back(site_id)
        silent_since_ms = now_ms - self._rules.link.fresh_ms
        holder = await self._store.join(member, now_ms, silent_since_ms)
        if holder != member.agent_id:
            reason = f"agent {holder} answers for site {site_id} in the mesh"
            raise FailedPrecondition(reason, "agent_id")
        await self._store.save_reports(
            [
                Report(site_id, peer, trips, now_ms)
                for peer, trips in sorted(found.items())
                if self._facts.facts_of(peer) is not None
            ]
        )
        counter("telemetry.links_reported").add(len(found))
        members = await self._store.members(silent_since_ms)
        return [m for m in members if m.site_id != site_id and self._is_admitted(m.site_id)]

    async def report_compute(self, site_id: str, vector: ComputeVector) -> None:
        """Take the result of a run in."""
        self._require_admitted(site_id)
        site = self._facts.find(site_id)
        servers = site.servers_of.get(vector.server_set_revision) if site is not None else None
        if servers is None:
            raise FailedPrecondition("expected a known server set revision", "server_set_revision")
        if vector.server >= servers:
            # Of this revision it will never be one: to say it again is of no use.
            reason = f"expected one of {servers} servers, was {vector.server}"
            raise InvalidArgument([Violation("vector.server", reason)])
        await self._store.save_vector(site_id, vector._replace(measured_at_ms=self._clock.now_ms()))
        # Who reads its vectors just now may not have seen this one.
        self._reading.discard(site_id)
        self._compute.pop(site_id, None)
        if self._measured is not None:
            self._measured.add(site_id)
        counter("telemetry.compute_reported").add(1)

    async def run(self) -> None:
        """Publish as long as the process lives."""
        while True:
            await self._clock.sleep(PUBLISH_S)
            await self.publish()

    async def publish(self) -> int:
        """Publish each site that measures differently than it was told; how many."""
        now_ms = self._clock.now_ms()
        reports = await self._fresh_reports(now_ms)
        if self._measured is None:
            self._measured = set(await self._store.measured_sites())
        hours = await self._store.hours(now_ms - DAY_MS - HOUR_MS)
        told = 0
        for site_id in sorted({*self._measured, *hours, *reports, *self._told}):
            found = await self._measures(site_id, reports.get(site_id, {}), now_ms)
            mix = self._facts_of(site_id).carbon_g_per_kwh_by_hour
            carbon = carbon_hours(hours.get(site_id, ()), mix)[-CARBON_HOURS:]
            told += await self._tell(found._replace(carbon_hours=tuple(carbon)))
        return told

    async def grades(self, site_id: str) -> list[Grade]:
        """By the rules in force today, for what is measured now."""
        facts = self._facts.facts_of(site_id)
        if facts is None:
            raise NotFound("site", site_id)
        now_ms = self._clock.now_ms()
        since_ms = now_ms - self._rules.window_days * DAY_MS
        hours: list[HourEnergy] = (await self._store.hours(since_ms, site_id)).get(site_id, [])
        reports = (await self._fresh_reports(now_ms)).get(site_id, {})
        found = await self._measures(site_id, reports, now_ms)
        accepted, refused = await self._store.decided_frames(site_id)
        figures = {
            **energy_figures(hours, facts.carbon_g_per_kwh_by_hour),
            **latency_figures(found.latencies, facts.region),
            **compute_figures(found.compute),
            **security_figures(facts.security_grade, accepted, refused),
        }
        return grades(rules_at(self._rules.grades, day_of(now_ms)), figures)

    async def _tell(self, found: SiteMeasures) -> bool:
        site_id = found.site_id
        if self._told.get(site_id) == found:
            return False
        # Both ends have the same link: it is told as an event once.
        disputed = {
            (site_id, link.peer_site_id): link
            for link in found.links
            if link.state is LinkState.DISPUTED and site_id < link.peer_site_id
        }
        news = [link for pair, link in disputed.items() if pair not in self._disputed]
        is_told = await self._store.publish(found, news)
        mine = {pair for pair in self._disputed if pair[0] == site_id}
        self._disputed = (self._disputed - mine) | disputed.keys()
        self._told[site_id] = found
        return is_told

    async def _measures(self, site_id: str, reports: Reports, now_ms: int) -> SiteMeasures:
        links = links_of(site_id, reports, self._rules.link, now_ms)
        compute = await self._compute_of(site_id)
        return SiteMeasures(
            site_id,
            tuple(links),
            tuple(latencies(links, lambda peer: self._facts_of(peer).region)),
            *compute,
        )

    async def _compute_of(self, site_id: str) -> SiteCompute:
        site = self._facts.find(site_id)
        servers = site.servers_of.get(site.newest_revision, 0) if site is not None else 0
        known = self._compute.get(site_id)
        if known is not None and known[0] == servers:
            return known[1]
        self._reading.add(site_id)
        compute = site_compute(await self._store.vectors(site_id), servers)
        if site_id in self._reading:
            self._compute[site_id] = servers, compute
        return compute

    async def _fresh_reports(self, now_ms: int) -> Mapping[str, Reports]:
        return by_site(await self._store.reports(now_ms - self._rules.link.fresh_ms))

    def _facts_of(self, site_id: str) -> SiteFacts:
        return self._facts.facts_of(site_id) or NOBODY

    def _is_admitted(self, site_id: str) -> bool:
        return self._facts_of(site_id).is_admitted

    def _require_admitted(self, site_id: str) -> None:
        if not self._is_admitted(site_id):
            raise FailedPrecondition(f"site {site_id} is not admitted", "site_id")

    def _hold_back(self, site_id: str) -> None:
        now_s = self._clock.real_monotonic_s()
        due_s = self._reported_s.get(site_id, -REPORT_INTERVAL_MIN_S) + REPORT_INTERVAL_MIN_S
        if now_s < due_s:
            wait_ms = int((due_s - now_s) * 1_000) + 1
            raise ResourceExhausted(f"site {site_id}: expected a report a window", wait_ms)
        self._reported_s[site_id] = now_s
