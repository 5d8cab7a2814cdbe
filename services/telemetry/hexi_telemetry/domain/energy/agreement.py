"""How the IT meter goes with the servers: a line learnt once, and how far a window lies from it."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

PPM = 1_000_000
# Enough minutes of the first sound hour.
MINUTES_MIN = 45
# What does not go with the servers (network, storage, losses of an idle grid), of IT energy.
FIXED, FIXED_SPREAD = 0.03, 0.03
NOISE_MIN = 1e-3
# Minutes of one job are wrong together.
JOB_MINUTES = 5


class Pairs(NamedTuple):
    """Sums over sound minutes: how many, servers' energy, the meter's, and their products."""

    minutes: float = 0.0
    servers: float = 0.0
    meter: float = 0.0
    servers2: float = 0.0
    both: float = 0.0
    meter2: float = 0.0

    def then(self, later: Pairs) -> Pairs:
        return Pairs(*(one + other for one, other in zip(self, later, strict=True)))


NO_PAIRS = Pairs()


def pair(servers_ws: int, meter_ws: int) -> Pairs:
    """Of one minute."""
    servers, meter = float(servers_ws), float(meter_ws)
    return Pairs(1.0, servers, meter, servers * servers, servers * meter, meter * meter)


def is_line(first: Pairs) -> bool:
    return first.minutes >= MINUTES_MIN and first.servers > 0 and first.meter > 0


class Apart(NamedTuple):
    """Millionths by which the meter says less than servers and line let expect; below 0: more.

    `unsure_ppm` is how far the line itself may be off there (sigma).
    """

    ppm: int
    unsure_ppm: int


TOGETHER_SO_FAR = Apart(0, 0)


def apart(now: Pairs, first: Pairs) -> Apart:
    """Nothing where too few minutes say anything."""
    if not is_line(first) or now.minutes < MINUTES_MIN / 4 or not now.meter:
        return TOGETHER_SO_FAR
    servers, meter = first.servers / first.minutes, first.meter / first.minutes
    slope, spread = _slope(first)
    moved = now.servers / now.minutes - servers
    now_meter = now.meter / now.minutes
    apart_ppm = round(PPM * ((meter + slope * moved) / now_meter - 1))
    return Apart(apart_ppm, round(PPM * spread * abs(moved) / now_meter))


def _slope(first: Pairs) -> tuple[float, float]:
    """Of the meter's over the servers' energy, and how unsure that is (sigma).

    Noise of the servers' sums flattens the line of an hour, that of the meter steepens it. What is
    known of any site counts until the hour's own load has moved enough to know better.
    """
    minutes, usual = first.minutes, first.meter / first.servers
    across = first.servers2 - first.servers * first.servers / minutes
    along = first.both - first.servers * first.meter / minutes
    beside = first.meter2 - first.meter * first.meter / minutes
    known, known2 = (1 - FIXED) * usual, (FIXED_SPREAD * usual) ** 2
    if across <= 0 or along <= 0:
        return known, sqrt(known2)
    flat, steep = along / across, beside / along
    said2 = max(beside - flat * along, 0.0) / (minutes / JOB_MINUTES - 2) / across
    said2 += (steep - flat) ** 2 / 12 + (NOISE_MIN * usual) ** 2
    share = known2 / (known2 + said2)
    return known + share * ((flat + steep) / 2 - known), sqrt(share * said2)
