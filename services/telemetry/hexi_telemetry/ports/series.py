"""What series need from outside: a place for closed minutes, and answers out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from hexi_telemetry.domain.frame import Metric
from hexi_telemetry.domain.minute import Levels
from hexi_telemetry.domain.points import Readings
from hexi_telemetry.domain.series import Level


class MinuteKey(NamedTuple):
    """One minute of one site under one server set."""

    site_id: str
    start_ms: int
    revision: int


@dataclass(frozen=True, slots=True)
class ClosedMinute:
    """All that the log has of a minute below `through_offset`, save what is kept already."""

    key: MinuteKey
    partition: int
    through_offset: int
    levels: Levels


@dataclass(frozen=True, slots=True)
class Scope:
    """A site, one of its racks, or one of its servers."""

    site_id: str
    rack: str = ""
    server: int | None = None

    @property
    def level(self) -> Level:
        if self.server is not None:
            return Level.SERVER
        return Level.RACK if self.rack else Level.SITE


@dataclass(frozen=True, slots=True)
class Unit:
    """Where a scope stands in the blocks of one server set, and how many servers it has."""

    revision: int
    place: int
    servers: int


class SeriesStore(Protocol):
    """Blocks by minute. A part of a minute is written once and never changed."""

    async def load(self) -> tuple[dict[int, int], dict[MinuteKey, int]]:
        """The marks by partition, and of minutes kept beyond them through which offset."""
        ...

    async def save(self, minutes: Sequence[ClosedMinute]) -> None: ...

    async def mark(self, marks: Mapping[int, int]) -> None:
        """All the log has below these offsets is kept."""
        ...

    async def units(self, scope: Scope, between_ms: tuple[int, int]) -> list[Unit]:
        """One for each server set in use between these moments that knows the scope."""
        ...

    async def readings(
        self, scope: Scope, metric: Metric, units: Sequence[Unit], between_ms: tuple[int, int]
    ) -> Readings: ...
