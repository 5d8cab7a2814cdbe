"""What a site offers: all that ROUTE knows of it."""

from __future__ import annotations

from typing import NamedTuple

from hexi_scheduler.domain.fair_offer import FairOffer
from hexi_scheduler.domain.hours import ByHour
from hexi_scheduler.domain.route.atlas import Place, Position
from hexi_scheduler.domain.workload import FLEET


class ClassOffer(NamedTuple):
    """Servers of one class and executor: what is free now, and what the largest one is."""

    class_id: str
    executor: str = FLEET
    servers: int = 0
    servers_out: int = 0
    cpu_milli_free: int = 0
    memory_mib_free: int = 0
    accelerator_milli_free: int = 0
    servers_with_free_accelerators: tuple[int, ...] = ()
    cpu_milli_free_max: int = 0
    memory_mib_free_max: int = 0
    cpu_milli_largest: int = 0
    memory_mib_largest: int = 0
    accelerators_largest: int = 0
    price_micro_yuan: int = 0


class LeaseOffer(NamedTuple):
    """A lease in force and what of it is not drawn."""

    lease_id: str
    tenant_id: str
    class_id: str
    units_free: int
    price_micro_yuan: int


class SiteStanding(NamedTuple):
    """What seldom changes: on this hang the candidates of a demand."""

    admitted: bool
    region: str = ""
    security_grade: int = 0
    state_owned_cloud: bool = False
    pue_milli: int = 0
    carbon_g_per_kwh: int = 0
    latencies_us: tuple[tuple[str, int], ...] = ()
    pue_milli_by_hour: ByHour = ()
    carbon_g_per_kwh_by_hour: ByHour = ()
    position: Position | None = None
    hub: str = ""
    failure_ppm: int = 0
    latency_measured: tuple[str, ...] = ()  # regions; the others are as registered

    @property
    def place(self) -> Place:
        return Place(self.hub, self.position)


class SiteOffer(NamedTuple):
    """One revision of a site's offer; `body` is its wire form."""

    site_id: str
    revision: int
    standing: SiteStanding
    classes: tuple[ClassOffer, ...] = ()
    leases: tuple[LeaseOffer, ...] = ()
    server_set_revision: int = 0
    body: bytes = b""
    fair: FairOffer = FairOffer()
    spare: tuple[tuple[str, int], ...] = ()  # units of a class, not in what is free
    lost_at_ms: int = 0
