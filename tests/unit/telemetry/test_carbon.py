"""Goal: hours cut an interval's carbon nowhere. Method: properties over whole days."""

from __future__ import annotations

from hexi_telemetry.domain.carbon import HOUR_MS, HOURS, carbon_mg, hour_of_day
from hypothesis import given
from hypothesis import strategies as st

FLAT = (477,) * HOURS
hours = st.lists(st.integers(0, 1_200), min_size=HOURS, max_size=HOURS)
moments = st.integers(0, 2_000_000_000_000)
spans = st.integers(1, 3 * 24 * HOUR_MS)
energies = st.integers(0, 2**55)


def test_a_kilowatt_hour_of_a_flat_mix() -> None:
    assert carbon_mg(0, HOUR_MS, 3_600_000, FLAT) == 477_000


def test_the_hours_are_those_of_shanghai() -> None:
    only_midnight = (1_000, *(0,) * 23)

    assert hour_of_day(16 * HOUR_MS) == 0
    assert carbon_mg(16 * HOUR_MS, 17 * HOUR_MS, 3_600_000, only_midnight) == 1_000_000
    assert carbon_mg(15 * HOUR_MS, 17 * HOUR_MS, 7_200_000, only_midnight) == 1_000_000
    assert carbon_mg(17 * HOUR_MS, 18 * HOUR_MS, 3_600_000, only_midnight) == 0


@given(moments, spans, energies, st.integers(0, 1_200))
def test_a_flat_mix_knows_no_hours(start_ms: int, span_ms: int, ws: int, grams: int) -> None:
    found = carbon_mg(start_ms, start_ms + span_ms, ws, (grams,) * HOURS)

    assert found == (ws * grams + 1_800) // 3_600


@given(moments, spans, energies, hours)
def test_it_lies_between_the_cleanest_and_the_dirtiest_hour(
    start_ms: int, span_ms: int, ws: int, by_hour: list[int]
) -> None:
    found = carbon_mg(start_ms, start_ms + span_ms, ws, by_hour)

    assert ws * min(by_hour) // 3_600 <= found <= -(-ws * max(by_hour) // 3_600)
