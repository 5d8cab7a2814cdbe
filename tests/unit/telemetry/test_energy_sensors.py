"""Goal: a server that is not heard is not taken for one that draws nothing, nor counted twice.

Method: few servers with known power, and what a frame without some of them is said to draw.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hexi_telemetry.domain.energy.sensors import BRIDGE_MS, STILL_MS, SiteSensors
from hexi_telemetry.domain.frame import Frame, Metric

PERIOD_MS = 10_000
AT_MS = 1_800_000_000_000
FRAME = Frame("lanzhou", "1", 1, 1, 1, AT_MS, PERIOD_MS, 0, 4, {}, None, 0, 0, b"", b"")


def frame(
    step: int, *watts: float, good: str = "", first: int = 0, load: float | None = None
) -> Frame:
    """`good` has a 1 for each server that was read."""
    columns = {Metric.POWER_W: np.array(watts, np.float32)}
    if load is not None:
        columns[Metric.CPU_UTILISATION] = np.full(len(watts), load, np.float32)
    return replace(
        FRAME,
        observed_at_ms=AT_MS + step * PERIOD_MS,
        first_server=first,
        count=len(watts),
        columns=columns,
        good=np.array([bit == "1" for bit in good]) if good else None,
    )


def test_all_that_is_read_is_summed_to_the_milliwatt() -> None:
    heard = SiteSensors(4).hear(frame(0, 100.5, 200, 300, 399.5))

    assert heard == (4, 4, 1_000_000, 0, 0)


def test_a_missing_server_draws_what_it_did_with_the_load_of_the_others() -> None:
    sensors = SiteSensors(4)
    sensors.hear(frame(0, 100, 100, 100, 4_000))

    heard = sensors.hear(frame(1, 110, 110, 110, 0, good="1110"))

    assert (heard.good, heard.servers) == (3, 4)
    assert heard.power_mw == pytest.approx(330_000 + 4_400_000, abs=5)


def test_a_silent_server_follows_the_others_as_long_as_it_is_silent() -> None:
    sensors = SiteSensors(2)
    sensors.hear(frame(0, 100, 300))
    for step in range(1, 11):
        heard = sensors.hear(frame(step, 100 + 10 * step, 0, good="10"))

    assert heard.power_mw == pytest.approx(200_000 + 600_000, abs=5)


def test_a_server_never_heard_is_one_of_the_others_and_may_be_far_off() -> None:
    heard = SiteSensors(4).hear(frame(0, 100, 200, 300, 0, good="1110"))

    assert (heard.power_mw, heard.slack_mw) == (800_000, 100_000)


def test_a_short_silence_evens_out_over_time_and_a_long_one_does_not() -> None:
    sensors, noisy = SiteSensors(2), np.random.default_rng(7)
    for step in range(100):
        sensors.hear(frame(step, *(200 + 10 * noisy.standard_normal(2))))

    soon = sensors.hear(frame(101, 200, 0, good="10"))
    late = sensors.hear(frame(101 + 2 * BRIDGE_MS // PERIOD_MS, 200, 0, good="10"))

    assert soon.slack_mw == 0 < soon.spread_mw
    assert late.spread_mw == 0 < late.slack_mw


def test_a_frame_without_any_reading_tells_no_power() -> None:
    heard = SiteSensors(4).hear(frame(0, 1, 2, 3, 4, good="0000"))

    assert (heard.good, heard.power_mw) == (0, -1)


def test_a_server_of_another_range_is_counted_there_only() -> None:
    sensors = SiteSensors(4)
    sensors.hear(frame(0, 100, 100, 100, 0, good="1110"))
    alone = sensors.hear(frame(0, 900, first=3))

    fleet = sensors.hear(frame(1, 100, 100, 100, 0, good="1110"))

    assert (alone.servers, alone.power_mw) == (1, 900_000)
    assert (fleet.servers, fleet.power_mw, fleet.slack_mw) == (3, 300_000, 0)


def test_a_sensor_that_stands_while_its_load_moves_is_stuck() -> None:
    sensors = SiteSensors(2)
    for step in range(STILL_MS // PERIOD_MS + 2):
        load = 0.1 if step % 2 else 0.9
        heard = sensors.hear(frame(step, 500 + step % 7, 500, load=load))

    assert heard.good == 1
    assert heard.power_mw == pytest.approx(1_000_000, rel=0.05) and heard.spread_mw > 0


def test_a_sensor_that_stands_with_its_load_is_not() -> None:
    sensors = SiteSensors(2)
    for step in range(STILL_MS // PERIOD_MS + 2):
        heard = sensors.hear(frame(step, 200, 200, load=0.02))

    assert heard == (2, 2, 400_000, 0, 0)


def test_a_late_frame_changes_no_memory() -> None:
    sensors = SiteSensors(2)
    sensors.hear(frame(5, 300, 300))
    late = sensors.hear(frame(1, 100, 100))

    heard = sensors.hear(frame(6, 300, 0, good="10"))

    assert late == (2, 2, 200_000, 0, 0)
    assert heard.power_mw == 600_000


def test_a_server_that_fell_silent_at_rest_is_not_at_rest_for_ever() -> None:
    sensors = SiteSensors(2)
    for step in range(100):
        busy = 500 if step % 10 else 50
        sensors.hear(frame(step, 500, busy))
    sensors.hear(frame(100, 500, 50))

    soon = sensors.hear(frame(101, 500, 0, good="10"))
    late = sensors.hear(frame(101 + 2 * BRIDGE_MS // PERIOD_MS, 500, 0, good="10"))

    assert soon.power_mw == pytest.approx(550_000, rel=0.01)
    assert late.power_mw == pytest.approx(955_000, rel=0.02) and late.slack_mw > 150_000
