"""What telemetry is told from outside."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import yaml
from hexi_kit.settings import ServiceSettings

from hexi_telemetry.api.quota import QuotaLimits
from hexi_telemetry.domain.check import Bounds
from hexi_telemetry.domain.energy.policy import EnergyPolicies, EnergyPolicy
from hexi_telemetry.domain.energy.window import DAY_MS, SHANGHAI_MS
from hexi_telemetry.domain.measures.site import MeasureRules
from hexi_telemetry.domain.series import Level
from hexi_telemetry.wire.measure_rules import measure_rules


class TelemetrySettings(ServiceSettings):
    """`early_ms`: clocks are kept in step; `late_ms`: spools hold days."""

    telemetry_early_ms: int = 300_000
    telemetry_late_ms: int = 7 * 86_400_000
    telemetry_site_frames_per_s: int = 500
    telemetry_site_burst_frames: int = 2_000
    telemetry_site_bytes_per_s: int = 16 * 2**20
    telemetry_site_burst_bytes: int = 64 * 2**20
    telemetry_site_streams_max: int = 8
    telemetry_series_site_days: int = 400
    telemetry_series_rack_days: int = 90
    telemetry_series_server_days: int = 3

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.telemetry_early_ms, self.telemetry_late_ms)

    @property
    def series_days(self) -> dict[Level, int]:
        """How long a minute is kept; a server's cost a hundred times what its rack's do."""
        return {
            Level.SITE: self.telemetry_series_site_days,
            Level.RACK: self.telemetry_series_rack_days,
            Level.SERVER: self.telemetry_series_server_days,
        }

    @property
    def measures(self) -> MeasureRules:
        """When links agree, and how sites are graded, from each date on."""
        return measure_rules()

    @property
    def quota(self) -> QuotaLimits:
        return QuotaLimits(
            self.telemetry_site_streams_max,
            self.telemetry_site_frames_per_s,
            self.telemetry_site_burst_frames,
            self.telemetry_site_bytes_per_s,
            self.telemetry_site_burst_bytes,
        )

    @property
    def energy(self) -> EnergyPolicies:
        """How far meters and sensors may be off, from each date on."""
        text = files("hexi_telemetry").joinpath("policies/energy-2026.yaml").read_text("utf-8")
        dated = [_energy_policy(said) for said in yaml.safe_load(text)["dated"]]
        by_date = tuple(sorted(dated, key=lambda policy: policy.effective_from_ms))
        # Frames the door took may lie on the log for its two days before they are heard.
        return EnergyPolicies(by_date, self.telemetry_late_ms + 3 * DAY_MS)


def _energy_policy(said: dict[str, Any]) -> EnergyPolicy:
    day = datetime.fromisoformat(said.pop("effective_from")).replace(tzinfo=UTC)
    # As those of grades, and as windows: with the day in Shanghai.
    return EnergyPolicy(int(day.timestamp()) * 1_000 - SHANGHAI_MS, **said)
