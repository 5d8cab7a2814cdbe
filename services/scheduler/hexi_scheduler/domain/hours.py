"""Hours of the day in Asia/Shanghai: how sites say what differs from hour to hour."""

from __future__ import annotations

HOUR_MS = 3_600_000
HOURS = 24
SHANGHAI_H = 8

ByHour = tuple[int, ...]  # 24 values, or none: the same at all hours


def hour_of_day(at_ms: int) -> int:
    return (at_ms // HOUR_MS + SHANGHAI_H) % HOURS


def hour_start_ms(at_ms: int) -> int:
    """When the hour began that is running then; Shanghai is a whole number of hours ahead."""
    return at_ms - at_ms % HOUR_MS


def at_all_hours(by_hour: ByHour, flat: int) -> ByHour:
    """24 values, the flat one where a site has said no other."""
    return by_hour if len(by_hour) == HOURS else (flat,) * HOURS
