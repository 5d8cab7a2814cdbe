"""A power shelf as those of an open rack tell of themselves: a meter, six supplies, no server."""

from __future__ import annotations

from typing import Any

from hexi_agent.testing.small_redfish import ROOT, Tree

SUPPLIES = 6
SHELF, CHASSIS = "/PowerEquipment/PowerShelves/1", "/Chassis/PowerShelf"


def small_shelf(power_w: float, energy_kwh: float, failed: int = 0) -> Tree:
    """The first `failed` of its supplies are there and give nothing."""
    tree: Tree = {
        "": _of("ServiceRoot", PowerEquipment="/PowerEquipment", Chassis="/Chassis"),
        "/PowerEquipment": _of("PowerEquipment", PowerShelves="/PowerEquipment/PowerShelves"),
        "/PowerEquipment/PowerShelves": _members("PowerDistribution", [SHELF]),
        SHELF: _of("PowerDistribution", Metrics=f"{SHELF}/Metrics"),
        f"{SHELF}/Metrics": _of("PowerDistributionMetrics")
        | {"PowerWatts": {"Reading": power_w}, "EnergykWh": {"Reading": energy_kwh}},
        "/Chassis": _members("Chassis", [CHASSIS]),
        CHASSIS: _of("Chassis", PowerSubsystem=f"{CHASSIS}/PowerSubsystem"),
        f"{CHASSIS}/PowerSubsystem": _of(
            "PowerSubsystem", PowerSupplies=f"{CHASSIS}/PowerSubsystem/PowerSupplies"
        ),
    }
    supplies = [
        f"{CHASSIS}/PowerSubsystem/PowerSupplies/PSU{number}" for number in range(1, SUPPLIES + 1)
    ]
    tree[f"{CHASSIS}/PowerSubsystem/PowerSupplies"] = _members("PowerSupply", supplies)
    for number, path in enumerate(supplies):
        watts = None if number < failed else power_w / (SUPPLIES - failed)
        tree[path] = _of("PowerSupply", Metrics=f"{path}/Metrics")
        tree[f"{path}/Metrics"] = _of("PowerSupplyMetrics") | {
            "InputPowerWatts": {"Reading": watts},
            "InputVoltage": {"Reading": 277.1},
        }
    return tree


def _of(kind: str, **links: str) -> dict[str, Any]:
    told = {name: {"@odata.id": ROOT + path} for name, path in links.items()}
    return {"@odata.type": f"#{kind}.v1_3_0.{kind}", **told}


def _members(kind: str, paths: list[str]) -> dict[str, Any]:
    members = [{"@odata.id": ROOT + path} for path in paths]
    return {"@odata.type": f"#{kind}Collection.{kind}Collection", "Members": members}
