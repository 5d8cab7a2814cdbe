"""Does the truth lie in the bounds of PUE when a sensor fails, and how wide are they?

A run is a site of four hours; its first hour is sound, then one of seven faults begins. Windows are
its hours and the whole. Five per cent of all readings are lost in every run.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from hexi_telemetry.domain.energy.account import joined
from hexi_telemetry.domain.energy.agreement import Pairs, is_line
from hexi_telemetry.domain.energy.minutes import minute_accounts
from hexi_telemetry.domain.energy.points import united
from hexi_telemetry.domain.energy.rollup import roll_up
from hexi_telemetry.settings import TelemetrySettings

from tests.bench.faulty_site import FAULTS, FINE_S, HOUR_MS, HOURS, START_MS, Site, site
from tests.bench.figures import percentile, show

RUNS = 1_000
GOAL_INSIDE, GOAL_WIDE = 99.0, 3.0
COVERED_PPM = 945_000  # 95 per cent, as dice fall
STEPS_AN_HOUR = 3_600 // FINE_S


class Window(NamedTuple):
    """`is_inside` where there is a bound at all; width in per cent of the value."""

    has_pue: bool
    is_inside: bool
    width: float
    is_covered: bool


def windows(made: Site) -> list[Window]:
    policy = TelemetrySettings().energy.at(START_MS)
    end_ms = START_MS + HOURS * HOUR_MS
    minutes = minute_accounts(united(made.rows()), START_MS, end_ms, ())
    found: list[Window] = []
    first_of: dict[int, Pairs] = {}
    for first, last in [(hour, hour + 1) for hour in range(HOURS)] + [(0, HOURS)]:
        begin_ms, close_ms = START_MS + first * HOUR_MS, START_MS + last * HOUR_MS
        inside = [one for one in minutes if begin_ms <= one.start_ms < close_ms]
        account = joined(begin_ms, close_ms, inside)
        if account.revision not in first_of and is_line(account.pairs):
            first_of[account.revision] = account.pairs
        rollup = roll_up("lanzhou", account, policy, first_of.get(account.revision))
        pue = rollup.pue
        if pue is None:
            found.append(Window(False, False, 0.0, False))
            continue
        facility, it, servers = (
            made.truth[row, last * STEPS_AN_HOUR] - made.truth[row, first * STEPS_AN_HOUR]
            for row in range(3)
        )
        truth = 1_000 * facility / (it if pue.category == policy.it_meter_category else servers)
        found.append(
            Window(
                True,
                pue.low_milli <= truth <= pue.high_milli,
                100 * (pue.high_milli - pue.low_milli) / pue.value_milli,
                rollup.coverage_ppm >= COVERED_PPM,
            )
        )
    return found


def main() -> None:
    runs = int(sys.argv[-1]) if sys.argv[-1].isdigit() else RUNS
    told: dict[str, list[list[Window]]] = {fault: [] for fault in FAULTS}
    for run in range(runs):
        fault = FAULTS[run % len(FAULTS)]
        told[fault].append(windows(site(fault, run)))
    for fault, of_fault in [
        *told.items(),
        ("all", [one for many in told.values() for one in many]),
    ]:
        _show(fault, of_fault)


def _show(fault: str, of_runs: list[list[Window]]) -> None:
    each = [window for run in of_runs for window in run if window.has_pue]
    inside = sum(all(w.is_inside for w in run if w.has_pue) for run in of_runs)
    widths = [window.width for window in each if window.is_covered]
    narrow = sum(width <= GOAL_WIDE for width in widths)
    show(
        "pue_bound.inside",
        100 * inside / len(of_runs),
        "% of runs",
        goal=GOAL_INSIDE,
        fault=fault,
        runs=len(of_runs),
        windows=round(100 * sum(w.is_inside for w in each) / len(each), 2),
        unsaid=sum(not window.has_pue for run in of_runs for window in run),
    )
    show(
        "pue_bound.width",
        percentile(widths, 50),
        "%",
        goal=GOAL_WIDE,
        fault=fault,
        p95=round(percentile(widths, 95), 2),
        most=round(max(widths), 2),
        within=round(100 * narrow / len(widths), 1),
        windows=len(widths),
    )


if __name__ == "__main__":
    main()
