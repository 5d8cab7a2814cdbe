"""The widths of rollups and where their windows begin; days begin at midnight in Shanghai."""

from __future__ import annotations

from hexi_telemetry.domain.energy.minutes import MINUTE_MS

QUARTER_MS = 900_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
SHANGHAI_MS = 8 * HOUR_MS
WIDTHS_MS = (MINUTE_MS, QUARTER_MS, HOUR_MS, DAY_MS)


def window_start(at_ms: int, width_ms: int) -> int:
    return at_ms - (at_ms + SHANGHAI_MS) % width_ms
