"""What PLACE can be told about one site."""

from __future__ import annotations

from typing import NamedTuple

from hexi_scheduler.domain.facts import Condition, Quarantine, Reservation, ServerSet, SiteFacts
from hexi_scheduler.domain.latency import MeasureLatency
from hexi_scheduler.domain.place.closure_commands import DeclareLoss, DirectDrain, MeasureRacks
from hexi_scheduler.domain.place.run_report import ReportRuns
from hexi_scheduler.domain.workload import Workload


class PlaceItem(NamedTuple):
    """Place this workload as this attempt; by evicting others or keeping room where it says so."""

    placement_id: str
    attempt: int
    workload: Workload
    preempt: bool = False
    claim: bool = False
    borrowed: bool = False
    rescued: bool = False


class Place(NamedTuple):
    """Each item is decided by itself, in order."""

    items: tuple[PlaceItem, ...]


class Release(NamedTuple):
    """A team wants it no more; or ROUTE wants it at a better hour."""

    placement_id: str
    reason: str
    pause: bool = False


class ChangeCondition(NamedTuple):
    """Servers enter or leave a condition that telemetry saw."""

    condition: Condition
    active: bool
    servers: tuple[int, ...]
    evidence: str = ""


class DirectQuarantine(NamedTuple):
    """A directive closes or opens racks."""

    quarantine: Quarantine
    active: bool
    reason: str = ""


class Tick(NamedTuple):
    """Time goes on."""

    now_ms: int


PlaceCommand = (
    Place
    | Release
    | ReportRuns
    | ChangeCondition
    | DirectQuarantine
    | Reservation
    | DirectDrain
    | DeclareLoss
    | MeasureRacks
    | MeasureLatency
    | Tick
    | ServerSet
    | SiteFacts
)
