"""Goal: an IT meter that drifts away from its servers is doubted, a changed load is not.

Method: an hour with noise is learnt; later hours carry another load, a drift, or both.
"""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hexi_telemetry.domain.energy.account import Account, Metered, joined
from hexi_telemetry.domain.energy.agreement import (
    NO_PAIRS,
    TOGETHER_SO_FAR,
    Pairs,
    apart,
    is_line,
    pair,
)
from hexi_telemetry.domain.energy.rollup import roll_up
from hexi_telemetry.settings import TelemetrySettings

HOUR_MS = 3_600_000
SERVERS_WS = 6_000_000
FIXED_WS = 300_000
POLICY = TelemetrySettings().energy.at(1_800_000_000_000)


def hour(load: float = 1.0, drift: float = 0.0, seed: int = 1, minutes: int = 60) -> Pairs:
    """Network and storage draw the same at any load."""
    dice, found = random.Random(seed), NO_PAIRS
    for minute in range(minutes):
        servers = SERVERS_WS * load * (1 + 0.05 * (minute / 60 - 0.5))
        meter = (servers * 1.02 + FIXED_WS) * (1 + drift)
        found = found.then(pair(round(servers * dice.gauss(1, 0.003)), round(meter)))
    return found


FIRST = hour()


@pytest.mark.parametrize("load", [0.6, 0.8, 1.0, 1.3])
def test_a_changed_load_is_no_drift(load: float) -> None:
    found = apart(hour(load, seed=2), FIRST)

    # The line is the less known the farther the load is from where it was learnt.
    assert abs(found.ppm) <= 2_000 + found.unsure_ppm <= 2_100 + 50_000 * abs(load - 1)


@pytest.mark.parametrize("drift", [-0.02, -0.01, 0.01, 0.02])
def test_a_drift_is_told(drift: float) -> None:
    assert apart(hour(1.0, drift, seed=3), FIRST).ppm == pytest.approx(
        -drift * 1_000_000, abs=2_000
    )


def test_an_hour_of_steady_load_leaves_what_is_known_of_any_site() -> None:
    steady = NO_PAIRS
    for _ in range(60):
        steady = steady.then(pair(1_000_000, 1_050_000))
    half = pair(500_000, round(1_050_000 * (0.03 + 0.97 / 2)))
    halves = NO_PAIRS
    for _ in range(60):
        halves = halves.then(half)

    assert abs(apart(halves, steady).ppm) < 10


def test_few_minutes_say_nothing() -> None:
    assert not is_line(hour(minutes=30)) and is_line(FIRST)
    assert apart(hour(minutes=5), FIRST) == TOGETHER_SO_FAR
    assert apart(FIRST, hour(minutes=30)) == TOGETHER_SO_FAR


def test_the_bound_takes_in_both_witnesses_on_one_side() -> None:
    drifted = hour(1.0, -0.02)
    whole = 100 * HOUR_MS
    account = Account(
        0, HOUR_MS, 1, 360, whole, whole, whole, SERVERS_WS * 60, 0, 0,
        Metered(round(drifted.meter * 1.25), HOUR_MS), Metered(round(drifted.meter), HOUR_MS),
        Metered(), Metered(), 0.0, drifted,
    )  # fmt: skip

    doubted = roll_up("lanzhou", account, POLICY, FIRST).pue
    trusted = roll_up("lanzhou", account, POLICY).pue

    assert doubted is not None and trusted is not None
    assert doubted.low_milli == pytest.approx(trusted.low_milli * 0.98, abs=3)
    assert (doubted.value_milli, doubted.high_milli) == (trusted.value_milli, trusted.high_milli)


def test_another_set_of_servers_has_a_line_of_its_own() -> None:
    old = Account(
        0, HOUR_MS, 1, 360, HOUR_MS, HOUR_MS, HOUR_MS, SERVERS_WS, 0, 0,
        Metered(), Metered(), Metered(), Metered(), 0.0, FIRST,
    )  # fmt: skip
    other = hour(2.0, seed=4)
    new = replace(old, start_ms=HOUR_MS, end_ms=2 * HOUR_MS, revision=2, pairs=other)

    assert joined(0, 2 * HOUR_MS, [old, new]).pairs == other
