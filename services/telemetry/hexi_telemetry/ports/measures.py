"""What measuring needs from outside: a place for reports, and what rollups and ledger say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from hexi_telemetry.domain.check import Site
from hexi_telemetry.domain.facts import SiteFacts
from hexi_telemetry.domain.measures.compute import ComputeVector
from hexi_telemetry.domain.measures.hours import HourEnergy
from hexi_telemetry.domain.measures.links import Link
from hexi_telemetry.domain.measures.reports import Report
from hexi_telemetry.domain.measures.site import Member, SiteMeasures


class KnownFacts(Protocol):
    """Sites as inventory describes them."""

    def facts_of(self, site_id: str) -> SiteFacts | None: ...

    def find(self, site_id: str) -> Site | None: ...


class MeasureStore(Protocol):
    """Reports, each replaced by a later one, and what was published."""

    async def join(self, member: Member, now_ms: int, silent_since_ms: int) -> str:
        """Whose agent speaks for the site now: another one keeps its place until it is silent."""
        ...

    async def members(self, seen_since_ms: int) -> list[Member]: ...

    async def save_reports(self, reports: Sequence[Report]) -> None: ...

    async def reports(self, since_ms: int) -> list[Report]: ...

    async def save_vector(self, site_id: str, vector: ComputeVector) -> None: ...

    async def measured_sites(self) -> list[str]:
        """Sites that have vectors."""
        ...

    async def vectors(self, site_id: str) -> list[ComputeVector]:
        """One for each server and subject."""
        ...

    async def hours(self, since_ms: int, site_id: str = "") -> Mapping[str, list[HourEnergy]]:
        """Closed hours of one site, or of all."""
        ...

    async def decided_frames(self, site_id: str) -> tuple[int, int]:
        """Accepted and refused, of all streams."""
        ...

    async def publish(self, measures: SiteMeasures, disputed: Sequence[Link]) -> bool:
        """In one transaction, with an event for each link that is newly disputed.

        False when the newest that was published says the same.
        """
        ...
