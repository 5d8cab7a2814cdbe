"""The dated rules of how far energy may be off."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EnergyPolicy:
    """See policies/energy-2026.yaml."""

    effective_from_ms: int
    source: str
    facility_meter_ppm: int
    it_meter_ppm: int
    renewable_meter_ppm: int
    water_meter_ppm: int
    server_sensors_ppm: int
    server_sensor_ppm: int
    it_meter_category: int
    unmetered_ppm: int
    unmetered_min_ppm: int
    unheard_ppm: int
    known_min_ppm: int


@dataclass(frozen=True, slots=True)
class EnergyPolicies:
    """By date, the oldest first; minutes can be restated for `kept_ms`."""

    dated: tuple[EnergyPolicy, ...]
    kept_ms: int

    def at(self, at_ms: int) -> EnergyPolicy:
        """In force at a moment; before the first date, the first."""
        in_force = [policy for policy in self.dated if policy.effective_from_ms <= at_ms]
        return in_force[-1] if in_force else self.dated[0]
