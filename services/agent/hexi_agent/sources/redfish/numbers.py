"""Which numbers of a Redfish resource are readings, and why the others are not."""

from __future__ import annotations

import re
from functools import lru_cache

# Resources whose numbers are measured; of all others a number is configuration or inventory.
TELEMETRY_TYPES = frozenset(
    (
        "BatteryMetrics",
        "Circuit",
        "EnvironmentMetrics",
        "Fan",
        "HeaterMetrics",
        "MemoryMetrics",
        "Outlet",
        "OutletGroup",
        "Power",
        "PowerDistributionMetrics",
        "PowerSupplyMetrics",
        "ProcessorMetrics",
        "Sensor",
        "Thermal",
        "ThermalMetrics",
    )
)
# What a server is, for those who look for servers; asked once, not every period.
FACTS = frozenset(
    (
        "ComputerSystem/MemorySummary/TotalSystemMemoryGiB",
        "ComputerSystem/ProcessorSummary/CoreCount",
        "ComputerSystem/ProcessorSummary/LogicalProcessorCount",
    )
)
# First match wins.
_REASONS = tuple(
    (reason, re.compile(pattern))
    for reason, pattern in (
        ("a count of members", r"@odata\.count$"),
        (
            "a limit or a setting",
            r"Threshold|Allowable(Max|Min)|Setting(Max|Min)|ReadingRange|SetPoint|/PowerLimit"
            r"|/Cap$|CapLim$|CpuMax$|CpuPwrSavLim$|Throttling|InputRanges/|EfficiencyRatings/"
            r"|Nominal|MaxSpeedMHz",
        ),
        (
            "a rated or allotted size",
            r"Capacity(Watts|MiB|Bytes|Actual|Rated)|(Allocated|Available|Requested)Watts"
            r"|Rated(Watts|Current)|TDP",
        ),
        (
            "a statistic over a window, not a moment",
            r"/PowerMetrics/|(Average|Max|Min)(imum)?PowerOutputWatts|(Lowest|Peak)Reading"
            r"|AverageReading|SensingInterval|ReadingTime",
        ),
        ("a number or a place of a part", r"SensorNumber$|BayNumber$|LocationOrdinalValue$"),
        ("the layout of spare parts", r"Redundancy/"),
        ("a property of the sensor", r"/(Accuracy|Precision)$"),
    )
)
_UNITS = (
    ("Watts", "W"),
    ("Watt", "W"),
    ("Celsius", "Cel"),
    ("AmbTemp", "Cel"),
    ("Percent", "%"),
    ("RPM", "{rev}/min"),
    ("kWh", "kW.h"),
    ("WattHours", "W.h"),
    ("Joules", "J"),
    ("Volts", "V"),
    ("Voltage", "V"),
    ("Voltages", "V"),
    ("Amps", "A"),
    ("MHz", "MHz"),
    ("Hz", "Hz"),
    ("Bytes", "By"),
    ("Seconds", "s"),
    ("VA", "VA"),
    ("VAR", "VAR"),
)
UNIT_OF_TYPE = {
    "Temperature": "Cel",
    "Power": "W",
    "EnergykWh": "kW.h",
    "EnergyJoules": "J",
    "EnergyWh": "W.h",
    "Voltage": "V",
    "Current": "A",
    "Frequency": "Hz",
    "Percent": "%",
    "Rotational": "{rev}/min",
    "LiquidFlowLPM": "L/min",
}
# As controllers write them; the words on the right are Redfish's ReadingType.
_TYPE_OF_UNIT = {unit: kind for kind, unit in UNIT_OF_TYPE.items()} | {
    "C": "Temperature",
    "Wh": "EnergyWh",
    "kWh": "EnergykWh",
    "RPM": "Rotational",
}
# A report names a sensor and nothing else of it. An energy has no unit then: a mapping knows.
_TYPE_OF_WORD = (
    ("Temperature", re.compile(r"(^|_)temp(avg)?(_|\d|$)|temp$|temperature", re.I)),
    ("Energy", re.compile(r"energy", re.I)),
    ("Power", re.compile(r"power|(^|_)pwr(_|$)", re.I)),
    ("Voltage", re.compile(r"(^|_)volt|voltage", re.I)),
    ("Current", re.compile(r"current|(^|_)curr(_|$)", re.I)),
    ("Rotational", re.compile(r"(^|_)(fan|tach)", re.I)),
)


@lru_cache(16_384)
def why_not_reading(name: str) -> str:
    """Empty for a reading."""
    for reason, pattern in _REASONS:
        if pattern.search(name):
            return reason
    return ""


@lru_cache(16_384)
def unit_of_name(name: str) -> str:
    """From the name's ends, the last first: Redfish writes units into names."""
    for part in reversed(name.split("/")):
        for ending, unit in _UNITS:
            if part.endswith(ending):
                return unit
    return ""


@lru_cache(16_384)
def sensor_type(unit: str, id_: str) -> str:
    """Redfish's ReadingType by the unit, else by words of the sensor's id; `Reading` if unknown."""
    if unit in _TYPE_OF_UNIT:
        return _TYPE_OF_UNIT[unit]
    return next((kind for kind, words in _TYPE_OF_WORD if words.search(id_)), "Reading")
