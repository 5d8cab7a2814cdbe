"""Goal: the audit reckons energy from frames alone and sees a rollup that lies. Method: one site of
known power, its true rollups, then one lie at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hexi.telemetry.v1 import telemetry_pb2 as pb
from hexi_demo.audit import energy
from hexi_demo.audit.check import Check
from hexi_demo.audit.log import Entry
from hexi_kit.columns import pack_fixed

SITE, SERVERS, WATTS, PUE = "lanzhou", 10, 200.0, 1.2
MINUTE_MS, QUARTER_MS, HOUR_MS = 60_000, 900_000, 3_600_000
BEGAN_MS = 480_000 * HOUR_MS
IT_W = round(SERVERS * WATTS)


def frame(minute: int) -> pb.SignedFrame:
    packed = pack_fixed(np.full(SERVERS, WATTS, np.float32), 0.1)
    column = pb.Column(metric=pb.METRIC_POWER_W, **packed._asdict())
    it_ws = 1 + IT_W * 60 * minute
    whole = pb.Frame(
        site_id=SITE,
        observed_at_ms=BEGAN_MS + minute * MINUTE_MS,
        count=SERVERS,
        columns=[column],
        it_energy_ws=it_ws,
        facility_energy_ws=round(it_ws * PUE),
    )
    return pb.SignedFrame(frame=whole.SerializeToString())


def rollup(start_ms: int, width_ms: int, revision: int = 1) -> pb.RollupClosed:
    found = pb.RollupClosed(
        site_id=SITE,
        start_ms=start_ms,
        end_ms=start_ms + width_ms,
        revision=revision,
        it_energy_ws=IT_W * width_ms // 1_000,
        facility_energy_ws=round(IT_W * PUE) * width_ms // 1_000,
        coverage_ppm=1_000_000,
    )
    found.pue.value_milli, found.pue.low_milli, found.pue.high_milli = 1_200, 1_190, 1_210
    return found


def rollups() -> list[pb.RollupClosed]:
    quarters = [rollup(BEGAN_MS + n * QUARTER_MS, QUARTER_MS) for n in range(5)]
    return [*quarters, rollup(BEGAN_MS, HOUR_MS)]


def audited(said: list[pb.RollupClosed], minutes: range = range(80)) -> list[Check]:
    frames = [Entry(0, minute, SITE, frame(minute)) for minute in minutes]
    entries = [Entry(0, n, SITE, one) for n, one in enumerate(said)]
    return energy.checks(frames, entries)


def failed(said: list[pb.RollupClosed], minutes: range = range(80)) -> list[str]:
    return [check.name for check in audited(said, minutes) if not check.passed]


AGREE = "rollups are what the frame log says"
SUM = "energy of an hour is that of its quarters"


def test_a_true_log_agrees_with_itself() -> None:
    assert failed(rollups()) == []


def test_a_site_that_began_in_the_middle_agrees() -> None:
    assert failed(rollups(), range(5, 80)) == []


def test_too_short_a_run_proves_nothing_and_breaks_nothing() -> None:
    assert failed([], range(10)) == []
    assert [check.counted[:2] for check in audited([], range(10))] == ["0 ", "0 "]


def test_only_what_was_compared_is_counted() -> None:
    beyond = rollup(BEGAN_MS + 99 * HOUR_MS, QUARTER_MS)

    agree, _ = audited([*rollups(), beyond])

    assert agree.counted.startswith("5 quarters")


def test_a_quarter_that_nobody_told_is_missed() -> None:
    assert failed(rollups()[1:]) == [AGREE]


@pytest.mark.parametrize("share", [0.98, 1.02])
def test_energy_that_no_frame_gave_is_seen(share: float) -> None:
    said = rollups()
    said[1].it_energy_ws = round(said[1].it_energy_ws * share)

    assert failed(said) == [AGREE, SUM]


def test_a_bound_that_does_not_hold_the_truth_is_seen() -> None:
    said = rollups()
    said[2].pue.low_milli = said[2].pue.value_milli = 1_205

    assert failed(said) == [AGREE]


def test_an_hour_that_is_more_than_its_quarters_is_seen() -> None:
    said = rollups()
    said[-1].facility_energy_ws += said[-1].facility_energy_ws // 500

    assert failed(said) == [SUM]


def test_an_hour_that_was_dark_in_part_tells_what_its_quarters_tell() -> None:
    said, read = rollups(), range(19, 80)
    within = failed(said[1:], read)
    said[-1].it_energy_ws += said[-1].it_energy_ws // 100

    assert (within, failed(said[1:], read)) == ([], [SUM])


def test_of_an_hour_that_was_mostly_dark_nothing_is_asked() -> None:
    said = rollups()
    said[-1].facility_energy_ws = 0

    assert failed(said[2:], range(31, 80)) == []


def test_the_last_revision_counts() -> None:
    said = rollups()
    said[3].it_energy_ws //= 2
    said.append(rollup(said[3].start_ms, QUARTER_MS, revision=2))

    assert failed(said) == []
