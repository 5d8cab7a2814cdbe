"""Goal: energy is exact where meters are, honest where they are not. Method: sums known before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hexi_telemetry.domain.frame import Frame, Metric
from hexi_telemetry.domain.quarter import QUARTER_MS, Quarter, merge, quarter_of
from hexi_telemetry.domain.rollup import BY_METER, BY_SERVERS, HOUR_MS, ONLY_SERVERS, roll_up
from hypothesis import given
from hypothesis import strategies as st

START_MS = 2_000 * HOUR_MS
PERIOD_MS = 10_000
FRAME = Frame(
    "lanzhou", "1", 1, 1, 1, START_MS, PERIOD_MS, 0, 4,
    {Metric.POWER_W: np.array([100, 200, 300, 400], np.float32)}, None, 0, 0, b"", b"",
)  # fmt: skip


def frames(count: int = 90, *, metered: bool = False, first: int = 1) -> list[Frame]:
    """1,000 W in the servers, 1,250 W in the building, from `first` periods into the quarter."""
    made = []
    for step in range(first, first + count):
        meters = {
            "facility_energy_ws": 10**9 + 12_500 * step,
            "it_energy_ws": 10**9 + 10_000 * step,
        }
        at_ms = START_MS + step * PERIOD_MS
        made.append(replace(FRAME, observed_at_ms=at_ms, **(meters if metered else {})))
    return made


def quarters(some: list[Frame]) -> list[Quarter]:
    found: dict[int, Quarter] = {}
    for frame in some:
        quarter = quarter_of(frame, 4)
        known = found.get(quarter.start_ms)
        found[quarter.start_ms] = merge(known, quarter) if known else quarter
    return [found[start] for start in sorted(found)]


def test_power_over_time_is_energy_to_the_watt_second() -> None:
    rollup = roll_up(START_MS, QUARTER_MS, quarters(frames()))

    assert rollup is not None
    assert (rollup.it_energy_ws, rollup.coverage_ppm) == (900_000, 1_000_000)
    assert (rollup.boundary, rollup.pue, rollup.facility_energy_ws) == (ONLY_SERVERS, None, 0)


def test_meters_speak_for_the_whole_window_through_their_neighbours() -> None:
    readings = quarters(frames(92, metered=True, first=0))

    rollup = roll_up(START_MS, QUARTER_MS, readings)

    assert rollup is not None
    assert (rollup.it_energy_ws, rollup.facility_energy_ws) == (900_000, 1_125_000)
    assert rollup.boundary == BY_METER
    assert rollup.pue is not None and rollup.pue.value_milli == 1_250
    assert (rollup.pue.low_milli, rollup.pue.high_milli) == (1_225, 1_275)


def test_an_hour_is_the_sum_of_its_quarters() -> None:
    readings = quarters(frames(362, metered=True, first=0))

    hour = roll_up(START_MS, HOUR_MS, readings)
    parts = [roll_up(START_MS + n * QUARTER_MS, QUARTER_MS, readings) for n in range(4)]

    assert hour is not None
    assert hour.it_energy_ws == sum(part.it_energy_ws for part in parts if part)
    assert hour.it_energy_ws == 3_600_000


def test_a_meter_that_ran_backwards_is_not_believed() -> None:
    some = frames(90, metered=True)
    some[40] = replace(some[40], observed_at_ms=START_MS + 905_000, it_energy_ws=5)

    rollup = roll_up(START_MS, QUARTER_MS, quarters(some))

    assert rollup is not None and rollup.boundary == ONLY_SERVERS


def test_a_hole_lowers_coverage_and_leaves_the_meters_exact() -> None:
    some = frames(92, metered=True, first=0)

    rollup = roll_up(START_MS, QUARTER_MS, quarters(some[:30] + some[60:]))

    assert rollup is not None
    assert rollup.it_energy_ws == 900_000
    assert rollup.coverage_ppm == 60 * 1_000_000 // 90


def test_without_an_it_meter_missing_servers_widen_the_bounds() -> None:
    some = [replace(frame, it_energy_ws=0) for frame in frames(92, metered=True, first=0)]

    rollup = roll_up(START_MS, QUARTER_MS, quarters(some[:46] + some[-1:]))

    assert rollup is not None and rollup.pue is not None
    assert rollup.boundary == BY_SERVERS
    assert rollup.pue.low_milli < 1_250 < rollup.pue.high_milli
    assert rollup.pue.category == 3


def test_bad_readings_use_no_energy() -> None:
    good = np.array([True, True, True, False])

    quarter = quarter_of(replace(FRAME, good=good), 4)

    assert quarter.power_uws == 600_000 * PERIOD_MS
    assert quarter.covered_server_ms == 3 * PERIOD_MS


@given(st.permutations(range(12)), st.integers(1, 11))
def test_frames_may_come_in_any_order_and_any_batches(order: list[int], cut: int) -> None:
    some = frames(12, metered=True)
    shuffled = [some[place] for place in order]

    [whole] = quarters(some)
    [first], [second] = quarters(shuffled[:cut]), quarters(shuffled[cut:])

    assert merge(first, second) == merge(second, first) == whole
