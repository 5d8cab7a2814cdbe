"""A workload's way through ROUTE: WAITING ↔ ROUTED, then REFUSED, ENDED or CANCELLED."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from hexi_scheduler.domain.offer import SiteOffer
from hexi_scheduler.domain.owed import Report
from hexi_scheduler.domain.route.choice import Choice
from hexi_scheduler.domain.route.defer import Deferral
from hexi_scheduler.domain.route.past import Past
from hexi_scheduler.domain.why import WhyNot
from hexi_scheduler.domain.workload import Workload


class RouteState(IntEnum):
    """Numbers are those of the wire."""

    WAITING = 2
    ROUTED = 3
    REFUSED = 4
    ENDED = 7
    CANCELLED = 8


# By a name of their own: to ask the class for a member takes as long as a call.
WAITING, ROUTED, REFUSED, ENDED, CANCELLED = RouteState


class Route(NamedTuple):
    """The newest decision about a workload; a value, replaced as a whole.

    `tried` names each site that declined and the revision of its offer then: it is asked again
    when a newer one came.
    """

    workload: Workload
    state: RouteState
    decided_at_ms: int
    site_id: str = ""
    class_id: str = ""
    attempt: int = 0
    cost_micro_yuan: int = 0
    tried: tuple[tuple[str, int], ...] = ()
    cancel_requested: bool = False
    reason: str = ""
    why_not: WhyNot | None = None
    deferral: Deferral | None = None  # while it waits for an hour, not for room
    # The site may evict lower classes for it, or keep for it what frees up.
    preempt: bool = False
    claim: bool = False
    borrowed: bool = False  # beyond its tenant's quota
    voucher_id: str = ""
    rescued: bool = False  # its site was lost: it may use spare capacity
    choice: Choice | None = None  # of a routed one: its site beside the next
    pause_requested: bool = False  # until a better hour; its site is to stop it
    done_s: int = 0  # what earlier attempts have done of the run

    @property
    def over(self) -> bool:
        state = self.state
        return state is not WAITING and state is not ROUTED

    @property
    def past(self) -> Past:
        return Past(self.attempt, self.tried, self.rescued, self.done_s)


class RouteForgotten(NamedTuple):
    """It is over and nobody will ask for it: a tombstone."""

    workload_id: str


class Submit(NamedTuple):
    """New workloads, each decided by itself, in order."""

    workloads: tuple[Workload, ...]


class Cancel(NamedTuple):
    """A team wants it no more."""

    workload_id: str
    tenant_id: str


class HearReports(NamedTuple):
    """What PLACE says about attempts."""

    reports: tuple[Report, ...]


class HearOffers(NamedTuple):
    """What sites offer now."""

    offers: tuple[SiteOffer, ...]
