"""The legal clocks of an incident: to whom it must be told by when, by dated rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from hexi_security_monitor.domain.event import Severity

MINUTE_MS = 60_000
OTHER_KIND = "other"


@dataclass(frozen=True, slots=True)
class SiteStanding:
    """What the monitor knows of a site."""

    site_id: str
    security_grade: int = 0
    state_owned_cloud: bool = False
    admitted: bool = False


@dataclass(frozen=True, slots=True)
class OperatorKind:
    """Whose rules apply: the first kind whose condition a site meets."""

    kind: str
    security_grade_at_least: int = 0
    state_owned_cloud: bool | None = None
    sites: frozenset[str] = frozenset()

    def holds(self, site: SiteStanding) -> bool:
        if self.sites:
            return site.site_id in self.sites
        return site.security_grade >= self.security_grade_at_least and (
            self.state_owned_cloud is None or site.state_owned_cloud == self.state_owned_cloud
        )


@dataclass(frozen=True, slots=True)
class LegalClock:
    """One addressee and how long there is, from the first event on."""

    rule_id: str
    kind: str
    severities: frozenset[Severity]
    addressee: str
    within_minutes: int
    source: str
    effective_from: date
    effective_to: date | None = None

    def in_force(self, day: date) -> bool:
        return self.effective_from <= day and (
            self.effective_to is None or day <= self.effective_to
        )


@dataclass(frozen=True, slots=True)
class Deadline:
    """When one addressee must have been told."""

    rule_id: str
    addressee: str
    due_at_ms: int
    source: str


@dataclass(frozen=True, slots=True)
class Clocks:
    """All legal clocks, and how sites fall under them."""

    kinds: tuple[OperatorKind, ...]
    clocks: tuple[LegalClock, ...]

    def deadlines(
        self, site: SiteStanding, severity: Severity, first_event_ms: int, day: date
    ) -> tuple[Deadline, ...]:
        kind = next((k.kind for k in self.kinds if k.holds(site)), OTHER_KIND)
        found = [
            Deadline(
                clock.rule_id,
                clock.addressee,
                first_event_ms + clock.within_minutes * MINUTE_MS,
                clock.source,
            )
            for clock in self.clocks
            if clock.kind == kind and severity in clock.severities and clock.in_force(day)
        ]
        return tuple(sorted(found, key=lambda deadline: (deadline.due_at_ms, deadline.rule_id)))
