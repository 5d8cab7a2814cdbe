"""What a reading may be: our metrics by name with the range a sensor can mean, and the meters."""

from __future__ import annotations

from typing import NamedTuple


class Reading(NamedTuple):
    """`number` as on the wire; within `slack` of its range a value is rounding and is clipped."""

    number: int
    low: float
    high: float
    slack: float = 0.0


METRICS: dict[str, Reading] = {
    "power_w": Reading(1, 0.0, 50_000.0),
    "inlet_temperature_c": Reading(2, -40.0, 100.0),
    "cpu_utilisation": Reading(3, 0.0, 1.0, 0.05),
    "memory_utilisation": Reading(4, 0.0, 1.0, 0.01),
    "accelerator_utilisation": Reading(5, 0.0, 1.0, 0.05),
    "accelerator_temperature_c": Reading(6, -40.0, 150.0),
    "network_rx_bytes_per_s": Reading(7, 0.0, 1e12),
    "network_tx_bytes_per_s": Reading(8, 0.0, 1e12),
    "accelerator_power_w": Reading(9, 0.0, 50_000.0),
    "cpu_temperature_c": Reading(10, -40.0, 150.0),
    "outlet_temperature_c": Reading(11, -40.0, 100.0),
    "fan_speed_rpm": Reading(12, 0.0, 50_000.0),
    "disk_read_bytes_per_s": Reading(13, 0.0, 1e12),
    "disk_write_bytes_per_s": Reading(14, 0.0, 1e12),
}
METERS = ("facility_energy_ws", "it_energy_ws", "renewable_energy_ws", "water_ml")
