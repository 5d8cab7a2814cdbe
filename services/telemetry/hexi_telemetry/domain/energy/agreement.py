"""How the IT meter goes with the servers: a line learnt once, and how far a window lies from it."""

from __future__ import annotations

from typing import NamedTuple

PPM = 1_000_000
# Enough minutes of the first sound hour.
MINUTES_MIN = 45
# What does not go with the servers (network, storage, losses of an idle grid), of IT energy.
FIXED, FIXED_SPREAD = 0.03, 0.03
NOISE_MIN = 1e-4


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


def apart(now: Pairs, first: Pairs) -> int:
    """Millionths by which the meter says less than servers and line let expect; below 0: more."""
    if not is_line(first) or now.minutes < MINUTES_MIN / 4 or not now.meter:
        return 0
    minutes = first.minutes
    servers, meter = first.servers / minutes, first.meter / minutes
    across = max(first.servers2 - minutes * servers * servers, 0.0)
    along = first.both - minutes * servers * meter
    slope = along / across if across > 0 else 0.0
    rest = first.meter2 - minutes * meter * meter - slope * along
    noise2 = max(rest / (minutes - 2), (NOISE_MIN * meter) ** 2)
    # What is known of any site counts until the hour's own load has moved enough to know better.
    usual = meter / servers
    known, said = 1 / (FIXED_SPREAD * usual) ** 2, across / noise2
    slope = ((1 - FIXED) * usual * known + slope * said) / (known + said)
    expected = meter + slope * (now.servers / now.minutes - servers)
    return round(PPM * (expected * now.minutes / now.meter - 1))
