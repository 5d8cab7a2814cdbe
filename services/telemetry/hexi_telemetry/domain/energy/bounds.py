"""What an account says of each flow: a value and the two bounds that hold the truth."""

from __future__ import annotations

from math import isqrt
from typing import NamedTuple

from hexi_telemetry.domain.energy.account import Account, Metered
from hexi_telemetry.domain.energy.policy import EnergyPolicy

PPM = 1_000_000
# Under a hundredth of the servers' time nothing is said of the rest.
HEARD_MIN_PPM = 10_000


class Bounded(NamedTuple):
    """Integers; low ≤ value ≤ high."""

    low: int
    value: int
    high: int


NOTHING = Bounded(0, 0, 0)


def metered(meter: Metered, width_ms: int, class_ppm: int, policy: EnergyPolicy) -> Bounded | None:
    """Nothing where the meter was not believed for most of the time."""
    if meter.known_ms * PPM < width_ms * policy.known_min_ppm:
        return None
    value = meter.counted * width_ms // meter.known_ms
    slack = meter.open_slack + meter.close_slack
    slack += _part(value - meter.counted, policy.unmetered_ppm)
    return _widened(value, slack, class_ppm)


def by_servers(account: Account, policy: EnergyPolicy) -> Bounded:
    """Servers that nobody heard are taken to draw as much as the others, with a wide margin."""
    heard = account.bridged_server_ms * PPM >= account.expected_server_ms * HEARD_MIN_PPM
    if not heard or not account.server_ws or not account.bridged_server_ms:
        return NOTHING
    expected = max(account.expected_server_ms, account.bridged_server_ms)
    value = account.server_ws * expected // account.bridged_server_ms
    slack = account.server_slack_ws + isqrt(int(account.server_spread_ws2))
    slack += _part(value - account.server_ws, policy.unheard_ppm)
    return _widened(value, slack, policy.server_sensors_ppm)


def ratio(over: Bounded, under: Bounded, scale: int) -> Bounded:
    """over ÷ under, times `scale`: outward at both ends."""
    return Bounded(
        over.low * scale // under.high,
        (over.value * scale + under.value // 2) // under.value,
        -(-over.high * scale // max(1, under.low)),
    )


def _widened(value: int, slack: int, class_ppm: int) -> Bounded:
    """A meter that says v counted v ÷ (1 ± class)."""
    low = max(0, value - slack) * PPM // (PPM + class_ppm)
    return Bounded(low, value, -(-(value + slack) * PPM // (PPM - class_ppm)))


def _part(value: int, ppm: int) -> int:
    return -(-value * ppm // PPM)
