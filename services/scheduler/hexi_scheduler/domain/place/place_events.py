"""What PLACE can decide: each event is one record of its journal, a value that replaces another."""

from __future__ import annotations

from typing import NamedTuple

from hexi_scheduler.domain.facts import Condition, Quarantine, Reservation, ServerSet, SiteFacts
from hexi_scheduler.domain.latency import LatencyMeasured
from hexi_scheduler.domain.packing.mix import MixLearned
from hexi_scheduler.domain.place.closure_events import (
    DrainChanged,
    FailuresCounted,
    RackPowerMeasured,
    SiteLossChanged,
)
from hexi_scheduler.domain.placement import Placement


class PlacementForgotten(NamedTuple):
    """It is over, its usage is out, and nobody will ask for it: a tombstone."""

    placement_id: str


class ConditionChanged(NamedTuple):
    """Every server that is out for this reason, and for quarantine the directives behind it."""

    condition: Condition
    servers: tuple[int, ...]
    changed_at_ms: int
    quarantines: tuple[Quarantine, ...] = ()


class ReservationChanged(NamedTuple):
    """A right to capacity, given or over."""

    reservation: Reservation
    over: bool = False


class ClockMoved(NamedTuple):
    """Time as commands tell it; usage of all that runs is out in [billed_from, billed_until)."""

    now_ms: int
    billed_from_ms: int
    billed_until_ms: int


class PreemptionCounted(NamedTuple):
    """What preemption has cost this site in one hour, counted before anybody is evicted."""

    hour: int
    wasted_accelerator_ms: int = 0
    victims: tuple[tuple[str, int], ...] = ()  # of each tenant


# A placement, a server set and a site's facts stand for themselves: as they now are.
PlaceEvent = (
    Placement
    | PlacementForgotten
    | ConditionChanged
    | ReservationChanged
    | ClockMoved
    | PreemptionCounted
    | DrainChanged
    | SiteLossChanged
    | RackPowerMeasured
    | FailuresCounted
    | LatencyMeasured
    | MixLearned
    | ServerSet
    | SiteFacts
)
