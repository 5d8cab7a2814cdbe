"""What other services tell: one security event, and what became of each thing heard."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

ANONYMOUS = "anonymous"


class Severity(IntEnum):
    """Four grades; numbers are those of the wire."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class Verdict(StrEnum):
    """What became of one record: every record gets exactly one."""

    MATCHED = "matched"
    UNMATCHED = "unmatched"
    REFUSED = "refused"
    SHED = "shed"


@dataclass(frozen=True, slots=True)
class Event:
    """One event in its own words; empty where the teller said nothing.

    `principal_site` is the site whose agent caused it, as its certificate says.
    """

    uid: str
    type_uid: int
    time_ms: int
    kind: str
    reason: str
    site_id: str = ""
    agent_id: str = ""
    principal: str = ""
    principal_site: str = ""
    source: str = ""
    server_set_revision: int = 0
    first_server: int = 0
    count: int = 0
    racks: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The site it is about, or the one it came from."""
        return self.site_id or self.principal_site

    @property
    def culprit(self) -> str:
        """Who did it: a name where there is one, else where it came from."""
        return self.source if self.principal in ("", ANONYMOUS) else self.principal

    @property
    def names_own_racks(self) -> bool:
        """Only a site's own agent may draw its racks into anything."""
        return bool(self.site_id) and self.principal_site in ("", self.site_id)


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that fired, with the events that made it fire."""

    finding_id: str
    rule_id: str
    title: str
    severity: Severity
    site_id: str
    time_ms: int
    first_seen_ms: int
    event_uids: tuple[str, ...]
    racks: tuple[str, ...]
    detail: str
    source: str = ""
