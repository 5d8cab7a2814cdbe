"""Constants of packing, in force from a date on: what a state of a server is worth, how one learns.

Amounts are in milli-devices of worth: 1000 is one whole accelerator that future work can use.
"""

from __future__ import annotations

from typing import NamedTuple


class PackingRules(NamedTuple):
    """All that decides beside the state and the mix."""

    effective_from: str = ""
    # Learning: a first time after so many arrivals, then as often again, then at this interval.
    first_arrivals: int = 0  # 0: never
    interval_arrivals_min: int = 100
    interval_servers_ppm: int = 80_000  # of the site's servers, where that is more
    moved_ppm: int = 10_000  # part of the devices that came free or were taken since
    window_arrivals: int = 65_536
    shapes_max: int = 128
    drift_ppm: int = 100_000  # so much of the mix is other work than when worth was reckoned
    # Worth.
    common_ppm: int = 950_000  # shapes that make so much of the mix count, the rarest do not
    device_value_ppm: int = 12_000_000
    leftover_cpu_ppm: int = 312_500  # of a milli-vCPU in thousandths of a milli-device
    leftover_device_ppm: int = 5_000_000
    stranded_ppm: int = 500_000  # of devices for want of vCPU
    stranded_spread_ppm: int = 700_000
    bid_ppm: int = 5_000_000
    segments: tuple[tuple[int, int], ...] = ()  # part of capacity and price of using it, in ppm
    cpu_worth_ppm: int = 20_000
    flexible_ppm: int = 700_000  # work that may go to so many of the widest choice of pools
    guard_ppm: int = 600_000  # how much more other work counts, and
    guard_chance_ppm: int = 1_000_000  # by how many deviations of its expected number
    # Power: what a watt is worth in thousandths of a milli-device; less where the free part of
    # devices is near `fade_from`, or where the mix asks nearly all vCPU beside the devices.
    watt_worth: int = 0
    fade_from_ppm: int = 160_000
    fade_span_ppm: int = 100_000
    cpu_slack_ppm: int = 50_000
    package_w: int = 105
    device_w_other: int = 200
    device_w: tuple[tuple[str, int], ...] = ()
    # Work without accelerators may use these classes' servers when the general ones are full.
    lends_cpu: bool = False
    prior: tuple[tuple[int, int, int, int], ...] = ()  # vCPU milli, devices, milli, weight


NO_LEARNING = PackingRules()
