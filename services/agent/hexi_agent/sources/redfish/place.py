"""Where in a controller's tree a resource stands, read from its path."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

ROOT = "/redfish/v1/"
SEGMENTS_MAX = 16
# A collection, what one member of it is, and what its resource `Metrics` is.
_COLLECTIONS = {
    "Batteries": ("Battery", "BatteryMetrics"),
    "Chassis": ("Chassis", ""),
    "Fans": ("Fan", ""),
    "FloorPDUs": ("PowerDistribution", "PowerDistributionMetrics"),
    "Heaters": ("Heater", "HeaterMetrics"),
    "Managers": ("Manager", ""),
    "Memory": ("Memory", "MemoryMetrics"),
    "Outlets": ("Outlet", ""),
    "PowerShelves": ("PowerDistribution", "PowerDistributionMetrics"),
    "PowerSupplies": ("PowerSupply", "PowerSupplyMetrics"),
    "Processors": ("Processor", "ProcessorMetrics"),
    "RackPDUs": ("PowerDistribution", "PowerDistributionMetrics"),
    "Sensors": ("Sensor", ""),
    "Systems": ("ComputerSystem", ""),
}


class Place(NamedTuple):
    """`of` is the collection of the part the resource speaks of, `part` its id there.

    /redfish/v1/Systems/1/Processors/GPU_0/ProcessorMetrics speaks of Processors, GPU_0;
    /redfish/v1/Chassis/1U/Sensors/Inlet of Chassis, 1U, and has the id Inlet.
    """

    resource: str
    type: str
    of: str
    part: str
    id: str


@lru_cache(16_384)
def place_of(path: str) -> Place:
    """Of any text; what is not there is empty."""
    resource = path.partition("#")[0].removeprefix(ROOT).strip("/")
    segments = resource.split("/")[:SEGMENTS_MAX]
    of = part = kind = ""
    at = 0
    while at < len(segments):
        name = segments[at]
        member = segments[at + 1] if at + 1 < len(segments) else ""
        if name in _COLLECTIONS and member:
            kind = _COLLECTIONS[name][0]
            if name != "Sensors":
                of, part = name, member
            at += 2
        else:
            kind = name
            at += 1
    if kind == "Metrics" and of:
        kind = _COLLECTIONS[of][1] or kind
    return Place(resource, kind, of, part, segments[-1])
