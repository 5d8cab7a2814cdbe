"""Goal: a stream decides each number once. Method: examples of every way a number can come."""

from dataclasses import replace

import numpy as np
from hexi_telemetry.domain.frame import Frame, Metric, Reason, Refusal
from hexi_telemetry.domain.silence import Beat
from hexi_telemetry.domain.stream import Ahead, Cause, Gap, Place, Stream, StreamKey

KEY = StreamKey("lanzhou", "1", 7)
FRAME = Frame(
    "lanzhou", "1", 7, 1, 1, 1_000, 10_000, 0, 1,
    {Metric.POWER_W: np.array([100.0], np.float32)}, None, 0, 0, b"", b"d1",
)  # fmt: skip
REFUSAL = Refusal(Reason.CLOCK, "too early")


def frame(sequence: int) -> Frame:
    digest = f"d{sequence}".encode()
    return replace(FRAME, sequence=sequence, digest=digest, previous_digest=b"")


def balanced(stream: Stream) -> bool:
    return stream.accepted + stream.refused + stream.missing == stream.decided_through


def test_numbers_in_order_leave_no_gap() -> None:
    stream = Stream(KEY)

    assert stream.settle(frame(1), None) == []
    assert stream.settle(frame(2), None) == []
    assert (stream.decided_through, stream.accepted, stream.head) == (2, 2, b"d2")


def test_skipped_numbers_are_missing() -> None:
    stream = Stream(KEY)

    assert stream.settle(frame(4), None) == [Gap(1, 3, Cause.AGENT_LOST)]
    assert (stream.missing, stream.accepted) == (3, 1)
    assert balanced(stream)


def test_a_refused_number_is_a_gap_of_its_own() -> None:
    stream = Stream(KEY)

    assert stream.settle(frame(1), REFUSAL) == [Gap(1, 1, Cause.REFUSED)]
    assert balanced(stream)


def test_a_disputed_number_that_stays_away_was_refused() -> None:
    stream = Stream(KEY)
    stream.dispute(2)

    gaps = stream.settle(frame(4), None)

    assert gaps == [
        Gap(1, 1, Cause.AGENT_LOST),
        Gap(2, 2, Cause.REFUSED),
        Gap(3, 3, Cause.AGENT_LOST),
    ]
    assert balanced(stream)


def test_a_disputed_number_still_belongs_to_its_owner() -> None:
    stream = Stream(KEY)
    stream.dispute(1)

    assert stream.locate(1, b"d1", 1) is Place.FRESH
    assert stream.settle(frame(1), None) == []


def test_a_resend_is_harmless_only_from_where_the_stream_was_resumed() -> None:
    stream = Stream(KEY)
    for number in (1, 2, 3):
        stream.settle(frame(number), None)

    assert stream.locate(3, b"d3", resumed_at=3) is Place.RESENT
    assert stream.locate(3, b"other", resumed_at=3) is Place.REPLAYED
    assert stream.locate(2, b"d2", resumed_at=3) is Place.REPLAYED


def test_a_frame_behind_its_own_gap_is_late() -> None:
    stream = Stream(KEY)
    stream.settle(frame(3), None)

    assert stream.locate(2, b"d2", resumed_at=1) is Place.LATE


def test_frames_the_log_has_are_taken_over_and_not_logged_again() -> None:
    stream = Stream(KEY, ahead={n: Ahead(f"d{n}".encode(), Beat(0, n, 1)) for n in (1, 2, 4)})

    assert stream.fold_ahead() == [] and stream.decided_through == 2
    assert stream.locate(4, b"d4", 3) is Place.ON_LOG
    assert stream.locate(4, b"forged", 3) is Place.REPLAYED
    assert stream.settle(frame(5), None) == [Gap(3, 3, Cause.AGENT_LOST)]
    assert (stream.accepted, stream.missing) == (4, 1)
    assert balanced(stream)


def test_the_chain_holds_between_neighbours_and_rests_across_a_gap() -> None:
    stream = Stream(KEY)
    stream.settle(frame(1), None)

    assert stream.breaks_chain(replace(frame(2), previous_digest=b"d1")) is None
    broken = stream.breaks_chain(replace(frame(2), previous_digest=b"x"))
    assert broken is not None and broken.reason is Reason.CHAIN
    assert stream.breaks_chain(replace(frame(5), previous_digest=b"x")) is None


def test_a_jump_over_very_many_numbers_costs_no_time_or_memory() -> None:
    stream = Stream(KEY)

    gaps = stream.settle(frame(2**62), None)

    assert gaps == [Gap(1, 2**62 - 1, Cause.AGENT_LOST)]
    assert len(stream.recent) <= 1_024
