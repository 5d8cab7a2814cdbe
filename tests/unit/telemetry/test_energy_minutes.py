"""Goal: energy is exact where readings are, and holes, stops, jumps and copies do not bend it.

Method: a site whose true energy is known to the watt-second; hypothesis shuffles what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hexi_telemetry.domain.energy.account import Account, joined, unpacked
from hexi_telemetry.domain.energy.minutes import minute_accounts
from hexi_telemetry.domain.energy.points import point_of, united
from hexi_telemetry.domain.energy.sensors import SiteSensors
from hexi_telemetry.domain.frame import Frame, Metric
from hypothesis import given, settings
from hypothesis import strategies as st

HOUR_MS, MINUTE_MS, PERIOD_MS = 3_600_000, 60_000, 10_000
START_MS = 480_000 * HOUR_MS
SERVERS = 4
FLAT = (500,) * 24
WATTS = {Metric.POWER_W: np.array([100, 200, 300, 400], np.float32)}
FRAME = Frame("lanzhou", "1", 1, 1, 1, START_MS, PERIOD_MS, 0, 4, WATTS, None, 0, 0, b"", b"")


def frame_at(step: int) -> Frame:
    """1,000 W in the servers, 1,250 W in the building, half of it renewable."""
    return replace(
        FRAME,
        observed_at_ms=START_MS + step * PERIOD_MS,
        facility_energy_ws=10**9 + 12_500 * step,
        it_energy_ws=10**9 + 10_000 * step,
        renewable_energy_ws=10**9 + 6_250 * step,
        water_ml=10**9 + 3 * step,
    )


FRAMES = [frame_at(step) for step in range(-40, 401)]


def rows_of(frames: Sequence[Frame]) -> list[bytes]:
    sensors = SiteSensors(SERVERS)
    return [point_of(frame, SERVERS, sensors.hear(frame)) for frame in frames]


def hour_of(frames: Sequence[Frame]) -> Account:
    minutes = minute_accounts(united(rows_of(frames)), START_MS, START_MS + HOUR_MS, FLAT)
    return joined(START_MS, START_MS + HOUR_MS, minutes)


def changed(change: Callable[[Frame, int], Frame | None]) -> list[Frame]:
    """`change` sees a frame and how many seconds it is into the hour; None loses it."""
    seen = ((frame, (frame.observed_at_ms - START_MS) // 1_000) for frame in FRAMES)
    found = (change(frame, second) for frame, second in seen)
    return [frame for frame in found if frame is not None]


def test_an_hour_to_the_watt_second() -> None:
    hour = hour_of(FRAMES)

    assert (hour.server_ws, hour.it.counted, hour.facility.counted) == (
        3_600_000,
        3_600_000,
        4_500_000,
    )
    assert hour.covered_server_ms == hour.expected_server_ms == hour.bridged_server_ms
    assert (hour.frames, hour.server_slack_ws) == (360, 0)
    # Rounded to a milligram once a minute.
    assert hour.carbon_mg == pytest.approx(625_000, abs=30)
    assert unpacked(hour.start_ms, hour.end_ms, hour.packed()) == hour


def test_power_that_climbs_is_a_trapezoid() -> None:
    def climb(frame: Frame, second: int) -> Frame:
        return replace(frame, columns={Metric.POWER_W: np.full(4, 1_000 + second, np.float32)})

    # The mean of 4,000 W at the start and 18,400 W at the end, times an hour.
    assert hour_of(changed(climb)).server_ws == 11_200 * 3_600


@given(st.permutations(range(30)), st.integers(0, 29))
def test_frames_may_come_in_any_order_and_twice(order: list[int], twice: int) -> None:
    rows = rows_of(FRAMES[40:70])
    shuffled = [rows[place] for place in (*order, twice)]
    ends = (START_MS, START_MS + 5 * MINUTE_MS)

    assert minute_accounts(united(shuffled), *ends, FLAT) == minute_accounts(
        united(rows), *ends, FLAT
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 360), max_size=200, unique=True))
def test_lost_frames_of_steady_power_cost_coverage_and_no_energy(lost: list[int]) -> None:
    kept = [frame for at, frame in enumerate(FRAMES) if at - 40 not in lost]

    hour = hour_of(kept)

    inside = len([step for step in lost if step > 0])
    assert hour.covered_server_ms == (360 - inside) * PERIOD_MS * SERVERS
    assert hour.server_ws == pytest.approx(3_600_000 * bridged_part(hour), abs=60)


def bridged_part(hour: Account) -> float:
    return hour.bridged_server_ms / hour.expected_server_ms


def test_a_hole_of_half_an_hour_is_nobodys_energy_but_the_meters_know() -> None:
    hour = hour_of(changed(lambda frame, second: None if 600 < second < 2_400 else frame))

    assert hour.server_ws == hour.bridged_server_ms // 4_000 * 1_000 == 1_800_000
    assert (hour.facility.counted, hour.facility.known_ms) == (4_500_000, HOUR_MS)


def test_a_site_that_measures_every_quarter_of_an_hour_is_integrated_too() -> None:
    seldom = [replace(one, period_ms=900_000) for one in FRAMES[40::90]]

    hour = hour_of(seldom)

    assert (hour.server_ws, hour.bridged_server_ms) == (3_600_000, hour.expected_server_ms)
    assert hour.covered_server_ms == hour.expected_server_ms


def test_a_meter_that_stood_and_caught_up_is_believed() -> None:
    def stand(frame: Frame, second: int) -> Frame:
        stood = frame_at(60).facility_energy_ws
        return replace(frame, facility_energy_ws=stood) if 600 < second < 900 else frame

    hour = hour_of(changed(stand))

    assert (hour.facility.counted, hour.facility.known_ms) == (4_500_000, HOUR_MS)


def test_a_meter_that_stood_and_lost_what_it_missed_is_not() -> None:
    def stop(frame: Frame, second: int) -> Frame:
        lost_ws = min(max(second - 600, 0), 300) * 1_250
        return replace(frame, facility_energy_ws=frame.facility_energy_ws - lost_ws)

    facility = hour_of(changed(stop)).facility

    assert facility.known_ms == HOUR_MS - 310_000
    assert facility.counted * HOUR_MS // facility.known_ms == pytest.approx(4_500_000, rel=1e-4)


@pytest.mark.parametrize("fall_ws", [10**6, 10**8, 10**9])
def test_a_meter_that_begins_anew_loses_one_interval(fall_ws: int) -> None:
    def reset(frame: Frame, second: int) -> Frame:
        return (
            replace(frame, it_energy_ws=frame.it_energy_ws - fall_ws) if second > 1_800 else frame
        )

    it = hour_of(changed(reset)).it

    assert (it.counted, it.known_ms) == (3_590_000, HOUR_MS - PERIOD_MS)


@pytest.mark.parametrize("lie_ws", [10**14, 5])
def test_one_wild_reading_of_a_meter_is_dropped(lie_ws: int) -> None:
    def lie(frame: Frame, second: int) -> Frame:
        return replace(frame, facility_energy_ws=lie_ws) if second == 1_800 else frame

    facility = hour_of(changed(lie)).facility

    assert facility.counted * HOUR_MS // facility.known_ms == 4_500_000
    assert facility.known_ms >= HOUR_MS - 2 * PERIOD_MS


def test_a_clock_that_jumps_and_comes_back_keeps_the_total() -> None:
    def jump(frame: Frame, second: int) -> Frame:
        shift_ms = 60_000 if 900 < second <= 1_800 else 0
        return replace(frame, observed_at_ms=frame.observed_at_ms + shift_ms)

    hour = hour_of(changed(jump))

    for meter, whole in ((hour.it, 3_600_000), (hour.facility, 4_500_000)):
        assert meter.counted * HOUR_MS // meter.known_ms == pytest.approx(whole, rel=0.02)
    assert hour.server_ws == pytest.approx(3_600_000, rel=0.02)


@pytest.mark.parametrize("shift_s", [-4, 3, 14])
def test_where_a_clock_was_set_meters_are_not_believed(shift_s: int) -> None:
    def jump(frame: Frame, second: int) -> Frame:
        shift_ms = shift_s * 1_000 if second > 1_800 else 0
        return replace(frame, observed_at_ms=frame.observed_at_ms + shift_ms)

    hour = hour_of(changed(jump))

    assert hour.it.known_ms == pytest.approx(HOUR_MS - PERIOD_MS - 1_000 * shift_s, abs=1)
    for meter, watts in ((hour.it, 1_000), (hour.facility, 1_250)):
        assert meter.counted == pytest.approx(watts * meter.known_ms / 1_000, abs=60)


def test_a_meter_read_at_another_pace_than_frames_come_is_believed() -> None:
    """Every seventh frame repeats the reading before: no clock was set."""

    def seldom(frame: Frame, second: int) -> Frame:
        read_at = (frame_at(0).observed_at_ms - START_MS) // 1_000 + second // 11 * 11
        return replace(frame, facility_energy_ws=10**9 + 1_250 * read_at)

    facility = hour_of(changed(seldom)).facility

    assert facility.counted == pytest.approx(4_500_000, rel=0.003)
    assert facility.known_ms == HOUR_MS


def test_a_meter_that_caught_up_counted_as_the_servers_drew() -> None:
    """Half an hour with four times the power of the other, and the meter stood over the change."""

    def change(frame: Frame, second: int) -> Frame:
        factor = 4 if second > 1_800 else 1
        counted = 1_250 * (min(second, 1_800) + 4 * max(0, second - 1_800))
        stood = 1_250 * 1_500 if 1_500 < second <= 2_100 else counted
        columns = {Metric.POWER_W: WATTS[Metric.POWER_W] * factor}
        return replace(frame, columns=columns, facility_energy_ws=10**9 + stood)

    minutes = minute_accounts(united(rows_of(changed(change))), START_MS, START_MS + HOUR_MS, FLAT)

    first_half = joined(START_MS, START_MS + HOUR_MS // 2, minutes[:30])
    assert first_half.facility.counted == pytest.approx(1_250 * 1_800, rel=0.01)
    assert minutes[30].facility.open_slack > 0


def test_renewable_energy_may_rest_at_night() -> None:
    def night(frame: Frame, second: int) -> Frame:
        return replace(frame, renewable_energy_ws=10**9)

    renewable = hour_of(changed(night)).renewable

    assert (renewable.counted, renewable.known_ms) == (0, HOUR_MS)


def test_coarse_meters_lose_nothing() -> None:
    def coarse(frame: Frame, second: int) -> Frame:
        return replace(frame, facility_energy_ws=frame.facility_energy_ws // 36_000 * 36_000)

    facility = hour_of(changed(coarse)).facility

    assert facility.counted == pytest.approx(4_500_000, abs=2 * 36_000)
    assert facility.known_ms > HOUR_MS - MINUTE_MS


def test_a_site_that_grew_is_expected_to_send_more() -> None:
    sensors = {1: SiteSensors(4), 2: SiteSensors(8)}
    rows = []
    for frame in FRAMES:
        revision = 2 if frame.observed_at_ms > START_MS + HOUR_MS // 2 else 1
        now = replace(frame, revision=revision)
        if revision == 2:
            columns = {Metric.POWER_W: np.full(8, 250, np.float32)}
            now = replace(now, count=8, columns=columns)
        rows.append(point_of(now, now.count, sensors[revision].hear(now)))

    minutes = minute_accounts(united(rows), START_MS, START_MS + HOUR_MS, FLAT)
    hour = joined(START_MS, START_MS + HOUR_MS, minutes)

    assert hour.expected_server_ms == 6 * HOUR_MS
    assert hour.server_ws == pytest.approx(5_400_000, rel=0.003)
    assert hour.revision == 2
