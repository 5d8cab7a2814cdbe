"""What telemetry is told from outside."""

from __future__ import annotations

from hexi_kit.settings import ServiceSettings

from hexi_telemetry.api.quota import QuotaLimits
from hexi_telemetry.domain.check import Bounds


class TelemetrySettings(ServiceSettings):
    """`early_ms`: clocks are kept in step; `late_ms`: spools hold days."""

    telemetry_early_ms: int = 300_000
    telemetry_late_ms: int = 7 * 86_400_000
    telemetry_site_frames_per_s: int = 500
    telemetry_site_burst_frames: int = 2_000
    telemetry_site_streams_max: int = 8

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.telemetry_early_ms, self.telemetry_late_ms)

    @property
    def quota(self) -> QuotaLimits:
        return QuotaLimits(
            self.telemetry_site_streams_max,
            self.telemetry_site_frames_per_s,
            self.telemetry_site_burst_frames,
        )
