"""Hours of the day in Asia/Shanghai: how sites say what differs from hour to hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
HOURS = 24
SHANGHAI_H = 8

ByHour = tuple[int, ...]  # 24 values, or none: the same at all hours


def hour_of_day(at_ms: int) -> int:
    return (at_ms // HOUR_MS + SHANGHAI_H) % HOURS


def hour_start_ms(at_ms: int) -> int:
    """When the hour began that is running then; Shanghai is a whole number of hours ahead."""
    return at_ms - at_ms % HOUR_MS


def day(at_ms: int) -> str:
    """The date in Shanghai, as dated policies are compared by."""
    return _day((at_ms + SHANGHAI_H * HOUR_MS) // DAY_MS)


@lru_cache(maxsize=64)
def _day(days: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days)).strftime("%Y-%m-%d")


def day_and_time(at_ms: int) -> str:
    """As people in Shanghai read it."""
    since_1970 = timedelta(milliseconds=at_ms, hours=SHANGHAI_H)
    return (datetime(1970, 1, 1, tzinfo=UTC) + since_1970).strftime("%Y-%m-%d %H:%M")


def at_all_hours(by_hour: ByHour, flat: int) -> ByHour:
    """24 values, the flat one where a site has said no other."""
    return by_hour if len(by_hour) == HOURS else (flat,) * HOURS
