"""Energy of a real power series from readings of which some were lost: how far off the integral is.

The series has a maximum, a mean and a minimum every 15 minutes; readings every 10 s are the mean
held, the mean on a straight line, or values between minimum and maximum around the mean.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable

import numpy as np
from hexi_telemetry.domain.energy.account import joined
from hexi_telemetry.domain.energy.bounds import by_servers
from hexi_telemetry.domain.energy.minutes import MINUTE_MS, minute_accounts
from hexi_telemetry.domain.energy.points import POINT, united
from hexi_telemetry.settings import TelemetrySettings
from numpy.typing import NDArray

from tests.bench.figures import show
from tests.bench.openb_trace import DATA

Floats = NDArray[np.float64]
Lose = Callable[[int, np.random.Generator], NDArray[np.bool_]]

FILE = DATA / "power" / "ome_power_15min.csv"
START_MS = 1_800_000_000_000
PERIOD_MS, QUARTER_MS = 10_000, 900_000
READINGS_A_QUARTER = QUARTER_MS // PERIOD_MS
SEEDS = (1, 2)
LOSS = 0.05
PPM = 1_000_000
GOAL_PPM = 1_000


def series() -> Floats:
    """Rows of (maximum, mean, minimum), watts."""
    with FILE.open(newline="", encoding="utf-8") as file:
        rows = [[float(cell) for cell in row[1:4]] for row in csv.reader(file) if all(row[1:4])]
    return np.array(rows)


def shapes(rows: Floats, dice: np.random.Generator) -> dict[str, Floats]:
    high, mean, low = (np.repeat(column, READINGS_A_QUARTER) for column in rows.T)
    middles = (np.arange(len(rows)) + 0.5) * READINGS_A_QUARTER
    share = (mean - low) / np.maximum(high - low, 1e-9)
    return {
        "held": mean,
        "straight": np.interp(np.arange(len(mean)), middles, rows[:, 1]),
        # At the maximum for just so long that the mean is right.
        "restless": np.where(dice.random(len(mean)) < share, high, low),
    }


def one_by_one(count: int, dice: np.random.Generator) -> NDArray[np.bool_]:
    return dice.random(count) < LOSS


def bursts_of(length: int) -> Lose:
    def lose(count: int, dice: np.random.Generator) -> NDArray[np.bool_]:
        lost = np.zeros(count, np.bool_)
        while lost.mean() < LOSS:
            begin = dice.integers(count)
            lost[begin : begin + dice.integers(1, 2 * length)] = True
        return lost

    return lose


LOSSES: dict[str, Lose] = {
    "one by one": one_by_one,
    "bursts of a minute": bursts_of(6),
    "bursts of five minutes": bursts_of(30),
    "bursts of half an hour": bursts_of(180),
}


def energy_ws(watts: Floats, lost: NDArray[np.bool_]) -> tuple[int, float]:
    """As the service computes it, and the part of readings that came."""
    at_ms = START_MS + np.arange(len(watts)) * PERIOD_MS
    points = np.zeros(len(watts), POINT)
    points["at_ms"], points["period_ms"] = at_ms, PERIOD_MS
    points["count"] = points["good"] = points["servers"] = 1
    points["power_mw"] = np.rint(watts * 1_000)
    rows = points[~lost].tobytes()
    end_ms = int(at_ms[-1]) // MINUTE_MS * MINUTE_MS
    minutes = minute_accounts(united([rows]), START_MS, end_ms, ())
    account = joined(START_MS, end_ms, minutes)
    coverage = account.covered_server_ms / account.expected_server_ms
    return by_servers(account, TelemetrySettings().energy.at(START_MS)).value, coverage


def main() -> None:
    if not FILE.exists():
        sys.stderr.write("no power series: set HEXI_DATA to the folder of the traces\n")
        show("energy.skipped", 0, "", reason="no power series; set HEXI_DATA")
        return
    rows = series()
    for seed in SEEDS:
        dice = np.random.default_rng(seed)
        for shape, watts in shapes(rows, dice).items():
            whole_ws, _ = energy_ws(watts, np.zeros(len(watts), np.bool_))
            for name, lose in LOSSES.items():
                found_ws, coverage = energy_ws(watts, lose(len(watts), dice))
                show(
                    "energy.error",
                    PPM * abs(found_ws / whole_ws - 1),
                    "ppm",
                    goal=GOAL_PPM,
                    shape=shape,
                    lost=name,
                    # What a sum of power times period would be off.
                    rectangles=round(PPM * (1 - coverage)),
                    readings=len(watts),
                    seed=seed,
                )


if __name__ == "__main__":
    main()
