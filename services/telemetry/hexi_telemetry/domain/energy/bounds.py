"""What an account says of each flow: a value and the two bounds that hold the truth."""

from __future__ import annotations

from math import isqrt, sqrt
from typing import NamedTuple

from hexi_telemetry.domain.energy.account import Account, Along, Metered
from hexi_telemetry.domain.energy.policy import EnergyPolicy

PPM = 1_000_000
# Under a hundredth of the servers' time nothing is said of the rest.
HEARD_MIN_PPM = 10_000
# Sigmas: of how minutes of a meter stray from the servers, and of the mean of all sensors.
STRAYS, SENSORS = 2, 2


class Bounded(NamedTuple):
    """Integers; low ≤ value ≤ high."""

    low: int
    value: int
    high: int


NOTHING = Bounded(0, 0, 0)


def metered(
    meter: Metered, along: Along, width_ms: int, class_ppm: int, policy: EnergyPolicy
) -> Bounded | None:
    """Nothing where the meter was not believed for most of the time."""
    if meter.known_ms * PPM < width_ms * policy.known_min_ppm:
        return None
    missing, slack_ppm = _missing(along, policy)
    rest_ms = max(0, width_ms - meter.known_ms - round(along.missing_ms if missing else 0))
    rest = meter.counted * rest_ms // meter.known_ms
    slack = meter.open_slack + meter.close_slack
    slack += _part(missing, slack_ppm) + _part(rest, policy.unmetered_ppm)
    return _widened(meter.counted + missing + rest, slack, class_ppm)


def _missing(along: Along, policy: EnergyPolicy) -> tuple[int, int]:
    """What a meter would have counted while only servers were heard, and how unsure that is.

    It goes with them as it did in the rest of the window, and strays as its minutes strayed there.
    """
    if along.known_ws <= 0 or along.missing_ws <= 0 or along.counted <= 0:
        return 0, 0
    usual = along.counted / along.known_ws
    strayed2 = max(along.squares / along.known_ws / usual**2 - 1, 0.0)
    strays_ppm = round(PPM * STRAYS * sqrt(strayed2))
    slack_ppm = min(max(strays_ppm, policy.unmetered_min_ppm), policy.unmetered_ppm)
    return round(usual * along.missing_ws), slack_ppm


def by_servers(account: Account, policy: EnergyPolicy) -> Bounded:
    """Servers that nobody heard are taken to draw as much as the others, with a wide margin."""
    heard = account.bridged_server_ms * PPM >= account.expected_server_ms * HEARD_MIN_PPM
    if not heard or not account.server_ws or not account.bridged_server_ms:
        return NOTHING
    expected = max(account.expected_server_ms, account.bridged_server_ms)
    value = account.server_ws * expected // account.bridged_server_ms
    slack = account.server_slack_ws + isqrt(int(account.server_spread_ws2))
    slack += _part(value - account.server_ws, policy.unheard_ppm)
    servers = max(1, expected // (account.end_ms - account.start_ms))
    alone_ppm = SENSORS * policy.server_sensor_ppm
    class_ppm = isqrt(policy.server_sensors_ppm**2 + alone_ppm**2 // servers)
    return _widened(value, slack, class_ppm)


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
