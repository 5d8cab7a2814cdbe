"""Goal: no changed byte of a signed frame passes, and none crashes. Method: flip, cut, stretch."""

from __future__ import annotations

import numpy as np
import pytest
from hexi.telemetry.v1 import telemetry_pb2 as pb
from hexi_kit.columns import pack_fixed
from hexi_kit.keys import Algorithm, PrivateKey, PublicKey
from hexi_kit.testing.fuzz import messages
from hexi_telemetry.domain.frame import Frame
from hexi_telemetry.domain.stream import StreamKey
from hexi_telemetry.wire.arrivals import Authenticator
from hexi_telemetry.wire.frames import Malformed, parse_frame
from hypothesis import given, settings
from hypothesis import strategies as st

KEYS = {algorithm: PrivateKey.generate(algorithm) for algorithm in Algorithm}
STREAM = StreamKey("lanzhou", "1", 7)
POWER = pack_fixed(np.full(9, 250, np.float32), 0.1)
DATA = pb.Frame(
    site_id="lanzhou",
    agent_id="1",
    epoch=7,
    sequence=1,
    server_set_revision=1,
    observed_at_ms=1_800_000_000_000,
    period_ms=10_000,
    count=9,
    columns=[pb.Column(metric=1, **POWER._asdict())],
    quality=b"\xff\x01",
).SerializeToString(deterministic=True)

edits = st.tuples(
    st.sampled_from(["flip", "cut", "insert"]), st.integers(0, len(DATA) - 1), st.integers(1, 255)
)
either = pytest.mark.parametrize("algorithm", Algorithm, ids=lambda one: one.name)


def authenticator(algorithm: Algorithm) -> Authenticator:
    return Authenticator(STREAM, PublicKey.load(algorithm, KEYS[algorithm].public_der()))


def good(algorithm: Algorithm) -> pb.SignedFrame:
    return pb.SignedFrame(
        frame=DATA,
        algorithm=pb.SignatureAlgorithm.ValueType(algorithm.value),
        signature=KEYS[algorithm].sign(DATA),
        key_id=authenticator(algorithm).certificate.key_id,
    )


def edited(data: bytes, edit: tuple[str, int, int]) -> bytes:
    kind, place, value = edit
    match kind:
        case "flip":
            return data[:place] + bytes([data[place] ^ value]) + data[place + 1 :]
        case "cut":
            return data[:place]
        case _:
            return data[:place] + bytes([value]) + data[place:]


@either
def test_the_unchanged_frame_is_proven(algorithm: Algorithm) -> None:
    arrival = authenticator(algorithm).read(good(algorithm))

    assert arrival.unproven is None and isinstance(arrival.frame, Frame)


@either
def test_changed_bytes_are_never_proven(algorithm: Algorithm) -> None:
    reader, forged = authenticator(algorithm), good(algorithm)

    @settings(max_examples=500, deadline=None)
    @given(edits)
    def change(edit: tuple[str, int, int]) -> None:
        forged.frame = edited(DATA, edit)
        assert reader.read(forged).unproven is not None

    change()


@either
def test_no_other_signature_fits(algorithm: Algorithm) -> None:
    reader, forged = authenticator(algorithm), good(algorithm)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=200))
    def change(signature: bytes) -> None:
        forged.signature = signature
        assert reader.read(forged).unproven is not None

    change()


@settings(max_examples=400, deadline=None)
@given(
    messages(
        pb.Frame.DESCRIPTOR,
        {"count": [1, 2, 9], "metric": [1, 2, 3], "encoding": [0, 1], "values_bytes": [0, 2, 18]},
    )
)
def test_an_arbitrary_frame_is_read_or_malformed(message: pb.Frame) -> None:
    try:
        frame = parse_frame(message.SerializeToString())
    except Malformed:
        return
    assert all(len(values) == frame.count for values in frame.columns.values())


def test_a_frame_over_the_bound_is_not_even_parsed() -> None:
    huge = pb.SignedFrame(frame=b"x" * (512 * 1024 + 1))

    refusal = authenticator(Algorithm.SM2_SM3).read(huge).unproven

    assert refusal is not None and refusal.reason.name == "TOO_LARGE"
