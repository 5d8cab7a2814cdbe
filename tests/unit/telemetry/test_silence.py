"""Goal: every beat is a frame, a missing number or a recorded silence. Method: an agent sleeps over
beats and loses frames by chance; who knows what it did checks what the stream says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hexi_telemetry.domain.frame import Frame, Metric, Reason, Refusal
from hexi_telemetry.domain.silence import Beat
from hexi_telemetry.domain.stream import Ahead, Cause, Gap, Stream, StreamKey
from hypothesis import given
from hypothesis import strategies as st

KEY = StreamKey("lanzhou", "1", 1)
PERIOD_MS = 10_000
START_MS = 1_800_000_000_000
WATTS = {Metric.POWER_W: np.array([100.0], np.float32)}
FRAME = Frame(
    "lanzhou", "1", 1, 1, 1, START_MS, PERIOD_MS, 0, 1, WATTS, None, 0, 0, b"", b"d"
)  # fmt: skip
ASLEEP, LOST, REFUSED, HEARD = "asleep", "lost", "refused", "heard"
fates = st.sampled_from([ASLEEP, LOST, REFUSED, HEARD, HEARD, HEARD])
beats = st.lists(st.tuples(fates, fates), max_size=30)


def frame(sequence: int, beat: int, first_server: int = 0) -> Frame:
    at_ms = START_MS + beat * PERIOD_MS
    digest = f"d{sequence}".encode()
    return replace(
        FRAME, sequence=sequence, observed_at_ms=at_ms, first_server=first_server, digest=digest
    )


@given(beats)
def test_every_beat_is_a_frame_a_missing_number_or_a_silence(played: list[tuple[str, str]]) -> None:
    stream, sequence, silent = Stream(KEY), 0, list[tuple[int, int, int]]()
    for beat, fates_of_ranges in enumerate(played):
        for first, fate in enumerate(fates_of_ranges):
            if fate == ASLEEP:
                continue
            sequence += 1
            if fate == LOST:
                continue
            refusal = Refusal(Reason.CLOCK, "early") if fate == REFUSED else None
            for gap in stream.settle(frame(sequence, beat, first), refusal):
                if gap.cause is Cause.SILENT:
                    assert gap.last == gap.first - 1 == sequence - 1
                    silent.append((first, gap.from_ms, gap.to_ms))
    assert stream.accepted + stream.refused + stream.missing == stream.decided_through
    for first in (0, 1):
        spans = [(start, end) for range_, start, end in silent if range_ == first]
        assert spans == wanted(played, first)


def wanted(played: list[tuple[str, str]], first: int) -> list[tuple[int, int]]:
    """Runs of sleep between two frames, with nothing lost or refused of anybody between them."""
    flat = [
        (beat, range_, fate) for beat, both in enumerate(played) for range_, fate in enumerate(both)
    ]
    spans: list[tuple[int, int]] = []
    last, is_holed, any_heard = None, False, None
    for beat, range_, fate in flat:
        if fate in (LOST, REFUSED):
            is_holed = True
        elif fate == HEARD:
            if range_ == first:
                since = last if last is not None else any_heard
                if since is not None and beat - since > 1 and not is_holed:
                    spans.append((START_MS + since * PERIOD_MS, START_MS + (beat - 1) * PERIOD_MS))
                last, is_holed = beat, False
            elif last is None:
                is_holed = False
            any_heard = beat
    return spans


def test_a_late_beat_is_no_silence_and_a_restart_remembers_the_stream() -> None:
    stream = Stream(KEY, 7, b"head", 7, 0, 0, START_MS)
    late = replace(frame(8, 1), observed_at_ms=START_MS + 15_000)

    assert stream.copy().settle(late, None) == []
    assert stream.copy().settle(frame(8, 3), None) == [
        Gap(8, 7, Cause.SILENT, START_MS, START_MS + 2 * PERIOD_MS)
    ]
    # What a crash left on the log was measured too.
    stream.ahead = {8: Ahead(b"d8", Beat(0, START_MS + 2 * PERIOD_MS, PERIOD_MS))}
    assert stream.fold_ahead() == [Gap(8, 7, Cause.SILENT, START_MS, START_MS + PERIOD_MS)]
    assert stream.copy().settle(frame(9, 3), None) == []
    assert stream.settle(frame(9, 4), None) == [
        Gap(9, 8, Cause.SILENT, START_MS + 2 * PERIOD_MS, START_MS + 3 * PERIOD_MS)
    ]
