"""The server models a simulated site is built of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Model:
    """One kind of server; `share` is its weight among the racks of a site."""

    name: str
    share: int
    cpu_milli: int
    memory_mib: int
    accelerator: str
    accelerators: int
    power_limit_w: int
    idle_w: int
    cpu_dynamic_w: int
    accelerator_dynamic_w: int


CATALOGUE = (
    Model("general-128", 26, 128_000, 512 << 10, "", 0, 1_000, 150, 480, 0),
    Model("general-64", 18, 64_000, 256 << 10, "", 0, 700, 95, 310, 0),
    Model("general-192", 14, 192_000, 768 << 10, "", 0, 1_400, 210, 690, 0),
    Model("t4-4", 12, 96_000, 384 << 10, "T4", 4, 1_100, 170, 370, 62),
    Model("ascend-910b-8", 11, 192_000, 1_536 << 10, "Ascend-910B", 8, 5_200, 620, 700, 330),
    Model("a100-8", 10, 128_000, 1_024 << 10, "A100", 8, 6_500, 700, 560, 390),
    Model("hygon-dcu-8", 9, 128_000, 512 << 10, "Hygon-DCU", 8, 4_200, 520, 540, 290),
)


def host_model(cpu_milli: int, memory_mib: int) -> Model:
    """This machine as one more server; its watts are a guess where it has no meter."""
    cores = max(1, cpu_milli // 1_000)
    return Model("host", 0, cpu_milli, memory_mib, "", 0, 200 + 20 * cores, 35, 9 * cores, 0)
