"""Hours of measured energy and what the contracted mix emits for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hexi_telemetry.domain.carbon import HOUR_MS, carbon_mg, hour_of_day


class HourEnergy(NamedTuple):
    """One hour of rollups: what the site used, and what of it was IT; zero where no meter said."""

    start_ms: int
    it_ws: int
    facility_ws: int
    revision: int


class CarbonHour(NamedTuple):
    """What the contracted mix of that hour emits for its energy."""

    start_ms: int
    energy_ws: int
    g_per_kwh: int
    carbon_mg: int
    rollup_revision: int


def carbon_hours(hours: Iterable[HourEnergy], g_per_kwh: Sequence[int]) -> list[CarbonHour]:
    """By start; without a mix there is no carbon, and without a facility meter only that of IT."""
    return [
        CarbonHour(
            hour.start_ms,
            hour.facility_ws or hour.it_ws,
            g_per_kwh[hour_of_day(hour.start_ms)],
            emitted_mg(hour, g_per_kwh),
            hour.revision,
        )
        for hour in sorted(hours)
        if g_per_kwh
    ]


def emitted_mg(hour: HourEnergy, g_per_kwh: Sequence[int]) -> int:
    end_ms = hour.start_ms + HOUR_MS
    return carbon_mg(hour.start_ms, end_ms, hour.facility_ws or hour.it_ws, g_per_kwh)
