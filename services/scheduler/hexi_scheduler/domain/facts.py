"""What a site is told about itself: its standing, its prices, its servers, its leases."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from hexi_scheduler.domain.closures import Window
from hexi_scheduler.domain.hours import ByHour
from hexi_scheduler.domain.route.atlas import Position


class Condition(IntEnum):
    """Why a server takes no new work; numbers are those of the wire."""

    HOT = 1
    OVER_POWER = 2
    SILENT = 3
    QUARANTINED = 4
    WARM = 5
    FAILING = 6
    DRAINED = 7
    MAINTENANCE = 8
    CLAIMED = 15  # PLACE's own, never on the wire: kept for a claim


# What telemetry sees.
JUDGED = (Condition.HOT, Condition.OVER_POWER, Condition.SILENT, Condition.WARM)


class SiteFacts(NamedTuple):
    """Newest recorded facts and standing of a site; `body` is their wire form."""

    revision: int
    admitted: bool
    region: str = ""
    security_grade: int = 0
    state_owned_cloud: bool = False
    pue_milli: int = 0
    carbon_g_per_kwh: int = 0
    prices: tuple[tuple[str, int], ...] = ()
    latencies_us: tuple[tuple[str, int], ...] = ()
    body: bytes = b""
    pue_milli_by_hour: ByHour = ()
    carbon_g_per_kwh_by_hour: ByHour = ()
    position: Position | None = None
    hub: str = ""
    maintenance: tuple[Window, ...] = ()


class Server(NamedTuple):
    """One server as its revision declares it."""

    rack: str
    class_id: str
    executor: str
    cpu_milli: int
    memory_mib: int
    accelerators: int


class ServerSet(NamedTuple):
    """A whole revision; the index of a server is its name in the site.

    Feeds and limits are by rack; where nothing is said there is one feed, and no limit.
    """

    revision: int
    servers: tuple[Server, ...]
    body: bytes = b""
    feeds: tuple[tuple[str, str], ...] = ()
    rack_limits_w: tuple[tuple[str, int], ...] = ()


class Reservation(NamedTuple):
    """The right of a tenant to `units` of a class in [start, end)."""

    lease_id: str
    tenant_id: str
    class_id: str
    units: int
    start_ms: int
    end_ms: int
    price_micro_yuan: int


class Quarantine(NamedTuple):
    """One directive in force; no racks: the whole site."""

    directive_id: str
    racks: tuple[str, ...]
