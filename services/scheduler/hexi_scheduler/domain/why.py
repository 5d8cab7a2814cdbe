"""Why something waits, was declined or refused: what each filter took away."""

from __future__ import annotations

from typing import NamedTuple


class FilterCount(NamedTuple):
    """One filter and what it removed."""

    name: str
    sites_removed: int
    servers_removed: int


class WhyNot(NamedTuple):
    """The counts in the order of the filters, of how many, and what came nearest."""

    filters: tuple[FilterCount, ...] = ()
    sites: int = 0
    servers: int = 0
    nearest_miss: str = ""


class Miss(NamedTuple):
    """How near something came in one dimension: a server, or a site as a whole."""

    dimension: str
    site_id: str
    asked: int
    found: int
    server: int | None = None
    alone: bool = True  # nothing else stood in the way there
    names: tuple[str, ...] = ()  # where a name says more than a number
    measured: bool = False  # a latency; else it is as registered
