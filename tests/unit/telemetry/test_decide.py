"""Goal: every refusal has its reason, and only what smells is told. Method: one lie at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hexi_telemetry.domain.arrival import Arrival, Decided, Peer
from hexi_telemetry.domain.check import Bounds, Site
from hexi_telemetry.domain.decide import Circumstances, decide
from hexi_telemetry.domain.frame import Frame, Metric, Reason, Refusal
from hexi_telemetry.domain.stream import Stream, StreamKey

KEY = StreamKey("lanzhou", "1", 7)
NOW_MS = 1_800_000_000_000
SITE = Site("lanzhou", True, 3, {2: 10, 3: 40})
AROUND = Circumstances(
    Peer(KEY, "spiffe://hexi/site/lanzhou/agent/1", "lanzhou/1", 1),
    SITE,
    Bounds(early_ms=60_000, late_ms=3_600_000),
    NOW_MS,
    lambda _revision, first, count: [f"r{n}" for n in range(first // 20, (first + count) // 20)],
)
FRAME = Frame(
    site_id="lanzhou",
    agent_id="1",
    epoch=7,
    sequence=1,
    revision=3,
    observed_at_ms=NOW_MS,
    period_ms=10_000,
    first_server=0,
    count=40,
    columns={Metric.POWER_W: np.full(40, 250.0, np.float32)},
    good=None,
    facility_energy_ws=0,
    it_energy_ws=0,
    previous_digest=b"",
    digest=b"d1",
)


def arrival(**changed: object) -> Arrival:
    frame = replace(FRAME, **changed)
    return Arrival(b"payload", frame.digest, frame)


def column(metric: Metric, place: int, value: float) -> dict[Metric, np.ndarray]:
    values = np.full(40, 0.5, np.float32)
    values[place] = value
    return {metric: values}


def one(arrived: Arrival, around: Circumstances = AROUND) -> Decided:
    return decide(Stream(KEY), [arrived], around)


def test_a_good_frame_is_accepted_and_the_old_state_stays() -> None:
    before = Stream(KEY)

    decided = decide(before, [arrival()], AROUND)

    assert len(decided.accepted) == 1 and decided.refused == []
    assert (before.decided_through, decided.stream.decided_through) == (0, 1)


LIES = {
    "too early": ({"observed_at_ms": NOW_MS + 60_001}, Reason.CLOCK),
    "too late": ({"observed_at_ms": NOW_MS - 3_600_001}, Reason.CLOCK),
    "unknown revision": ({"revision": 9}, Reason.UNKNOWN_REVISION),
    "a server too many": ({"first_server": 1}, Reason.IMPLAUSIBLE),
    "more servers than the old revision had": ({"revision": 2}, Reason.IMPLAUSIBLE),
    "not a number": ({"columns": column(Metric.POWER_W, 7, np.nan)}, Reason.IMPLAUSIBLE),
    "endless power": ({"columns": column(Metric.POWER_W, 7, np.inf)}, Reason.IMPLAUSIBLE),
    "negative power": ({"columns": column(Metric.POWER_W, 7, -1)}, Reason.IMPLAUSIBLE),
    "busier than busy": ({"columns": column(Metric.CPU_UTILISATION, 0, 1.1)}, Reason.IMPLAUSIBLE),
    "a chain to nothing": ({"previous_digest": b"x"}, Reason.CHAIN),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_authentic_lie_is_refused_and_its_number_decided(lie: str) -> None:
    changed, reason = LIES[lie]

    decided = one(arrival(**changed))

    assert [refused.refusal.reason for refused in decided.refused] == [reason]
    assert decided.accepted == []
    assert (decided.stream.decided_through, decided.stream.refused) == (1, 1)


@pytest.mark.parametrize("lie", [{"observed_at_ms": 0}, {"previous_digest": b"x"}])
def test_a_shifted_clock_and_a_broken_chain_are_told(lie: dict) -> None:
    [suspicion] = one(arrival(**lie)).suspicions

    assert suspicion.racks == ["r0", "r1"]


def test_an_old_revision_is_no_attack() -> None:
    assert one(arrival(revision=9)).suspicions == []


def test_a_reading_marked_bad_may_be_anything() -> None:
    good = np.ones(40, np.bool_)
    good[7] = False

    decided = one(arrival(columns=column(Metric.POWER_W, 7, np.nan), good=good))

    assert decided.refused == []


def test_a_site_that_is_not_admitted_reports_nothing() -> None:
    outside = replace(AROUND, site=replace(SITE, is_admitted=False))

    [refused] = one(arrival(), outside).refused

    assert refused.refusal.reason is Reason.NOT_ADMITTED


def test_an_unproven_frame_decides_nothing() -> None:
    refusal = Refusal(Reason.SIGNATURE, "no")
    forged = Arrival(b"payload", b"f", FRAME, refusal, FRAME.sequence)

    decided = decide(Stream(KEY), [forged, arrival()], AROUND)

    assert [refused.sequence for refused in decided.refused] == [1]
    assert len(decided.accepted) == 1
    assert decided.gaps == []


def test_the_very_bytes_again_are_a_replay_whoever_signs_them() -> None:
    stream = one(arrival()).stream
    stolen = Arrival(b"payload", b"d1", FRAME, Refusal(Reason.SIGNATURE, "no"), 1)

    [refused] = decide(stream, [stolen], AROUND).refused

    assert refused.refusal.reason is Reason.REPLAYED


def test_a_resend_is_not_logged_twice() -> None:
    stream = one(arrival()).stream

    decided = decide(stream, [arrival()], AROUND)

    assert (decided.accepted, decided.refused, decided.suspicions) == ([], [], [])


@pytest.mark.parametrize("sequence", [0, 2**63])
def test_a_number_outside_of_all_numbers_is_refused(sequence: int) -> None:
    [refused] = one(arrival(sequence=sequence)).refused

    assert refused.refusal.reason is Reason.OUT_OF_ORDER
