"""The widths of rollups; their days begin at midnight in Shanghai."""

from __future__ import annotations

from hexi_telemetry.domain.energy.minutes import MINUTE_MS

QUARTER_MS = 900_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
SHANGHAI_MS = 8 * HOUR_MS
WIDTHS_MS = (MINUTE_MS, QUARTER_MS, HOUR_MS, DAY_MS)
