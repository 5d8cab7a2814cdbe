"""Grams of an interval's energy by the hours of the contracted mix, in whole milligrams."""

from __future__ import annotations

from collections.abc import Sequence

HOUR_MS = 3_600_000
HOURS = 24
SHANGHAI_H = 8
# One kWh is 3,600,000 Ws, and a gram 1,000 mg.
WS_G_PER_MG = 3_600


def hour_of_day(at_ms: int) -> int:
    """In Asia/Shanghai."""
    return (at_ms // HOUR_MS + SHANGHAI_H) % HOURS


def carbon_mg(start_ms: int, end_ms: int, energy_ws: int, g_per_kwh: Sequence[int]) -> int:
    """Milligrams of CO2e; the energy is taken as spread evenly over [start, end).

    Nothing is lost between the hours: their shares add up to the energy exactly, and the sum is
    rounded once.
    """
    whole_ms = end_ms - start_ms
    ws_g, at_ms, told_ws = 0, start_ms, 0
    while at_ms < end_ms:
        until_ms = min(end_ms, at_ms - at_ms % HOUR_MS + HOUR_MS)
        reached_ws = energy_ws * (until_ms - start_ms) // whole_ms
        ws_g += (reached_ws - told_ws) * g_per_kwh[hour_of_day(at_ms)]
        at_ms, told_ws = until_ms, reached_ws
    return (ws_g + WS_G_PER_MG // 2) // WS_G_PER_MG
