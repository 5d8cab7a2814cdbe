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
