"""Watts of a server by its parts, as published with the PWR policy (CCGrid'25)."""

from __future__ import annotations

from typing import NamedTuple

# Of one accelerator: idle and busy.
ACCELERATOR_W = {
    "T4": (10, 70),
    "A10": (30, 150),
    "P100": (25, 250),
    "V100M16": (30, 300),
    "V100M32": (30, 300),
    "G2": (30, 150),
    "G3": (50, 400),
}
UNKNOWN_W = (30, 300)
# A package of 16 cores, two vCPU each.
PACKAGE_CPU_MILLI, PACKAGE_IDLE_W, PACKAGE_BUSY_W = 32_000, 15, 120


class NodePower(NamedTuple):
    """Of a whole server idle; what its packages add when busy, and each accelerator."""

    idle_w: int
    cpu_w: int
    accelerator_w: int


def node_power(cpu_milli: int, accelerator: str, count: int) -> NodePower:
    packages = -(-cpu_milli // PACKAGE_CPU_MILLI)
    idle_w, busy_w = ACCELERATOR_W.get(accelerator, UNKNOWN_W) if count else (0, 0)
    return NodePower(
        packages * PACKAGE_IDLE_W + count * idle_w,
        packages * (PACKAGE_BUSY_W - PACKAGE_IDLE_W),
        busy_w - idle_w,
    )
