"""Readings of a controller as every source hands them over, with our time and our server's name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from hexi_agent.sources.raw import RawReading
from hexi_agent.sources.redfish.parse import Parsed, Reading

SOURCE = "redfish"
AHEAD_MS_MAX = 60_000
AGE_MS_MAX = 3_600_000


class Whose(NamedTuple):
    """The server of a controller, and those of its parts by the start of their path."""

    server: str
    parts: Mapping[str, str]

    def of(self, resource: str) -> str:
        """The longest start of a path decides."""
        fitting = [start for start in self.parts if f"{resource}/".startswith(f"{start}/")]
        return self.parts[max(fitting, key=len)] if fitting else self.server


def raw_readings(
    parsed: Parsed, whose: Whose, now_ms: int, skew_ms: int = 0
) -> Iterator[RawReading]:
    """What bears a time that can not be is a finding, and its value is nobody's."""
    for reading in parsed.readings:
        at_ms = _at_ms(reading, now_ms, skew_ms)
        if at_ms is None or not now_ms - AGE_MS_MAX <= at_ms <= now_ms + AHEAD_MS_MAX:
            parsed.found("clock", reading.name, f"{reading.at}: expected a time of this hour")
            continue
        subject = whose.of(reading.resource)
        labels = reading.labels
        if reading.resource:
            labels = (*labels, ("resource", reading.resource))
        at_ms = min(at_ms, now_ms)
        yield RawReading(SOURCE, subject, reading.name, labels, reading.value, reading.unit, at_ms)


def _at_ms(reading: Reading, now_ms: int, skew_ms: int) -> int | None:
    if not reading.at:
        return now_ms
    try:
        told = datetime.fromisoformat(reading.at)
        # Without a zone it is UTC, as most that forget it mean.
        told = told if told.tzinfo is not None else told.replace(tzinfo=UTC)
        return int(told.timestamp() * 1_000) + skew_ms
    except (ValueError, OverflowError):
        return None
