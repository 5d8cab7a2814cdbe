"""Goal: no changed byte of a signed frame passes, and none crashes. Method: flip, cut, stretch."""

from __future__ import annotations

import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec
from hexi.telemetry.v1 import telemetry_pb2 as pb
from hexi_kit.signing import sign
from hexi_kit.testing.fuzz import messages
from hexi_telemetry.domain.frame import Frame
from hexi_telemetry.domain.stream import StreamKey
from hexi_telemetry.wire.arrivals import Authenticator
from hexi_telemetry.wire.frames import Malformed, parse_frame
from hypothesis import given, settings
from hypothesis import strategies as st

PRIVATE = ec.derive_private_key(7, ec.SECP256R1())
KEY_ID = "5f" * 32
STREAM = StreamKey("lanzhou", "1", 7)
DATA = pb.Frame(
    site_id="lanzhou",
    agent_id="1",
    epoch=7,
    sequence=1,
    server_set_revision=1,
    observed_at_ms=1_800_000_000_000,
    period_ms=10_000,
    count=9,
    columns=[pb.Column(metric=1, values=np.full(9, 250, "<f4").tobytes())],
    quality=b"\xff\x01",
).SerializeToString(deterministic=True)
ALGORITHM = pb.SIGNATURE_ALGORITHM_ECDSA_P256_SHA256
GOOD = pb.SignedFrame(frame=DATA, algorithm=ALGORITHM, signature=sign(PRIVATE, DATA), key_id=KEY_ID)
AUTHENTICATOR = Authenticator(STREAM, PRIVATE.public_key(), KEY_ID)

edits = st.tuples(
    st.sampled_from(["flip", "cut", "insert"]), st.integers(0, len(DATA) - 1), st.integers(1, 255)
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


def test_the_unchanged_frame_is_proven() -> None:
    arrival = AUTHENTICATOR.read(GOOD)

    assert arrival.unproven is None and isinstance(arrival.frame, Frame)


@settings(max_examples=1_000, deadline=None)
@given(edits)
def test_changed_bytes_are_never_proven(edit: tuple[str, int, int]) -> None:
    forged = pb.SignedFrame()
    forged.CopyFrom(GOOD)
    forged.frame = edited(DATA, edit)

    assert AUTHENTICATOR.read(forged).unproven is not None


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_other_signature_fits(signature: bytes) -> None:
    forged = pb.SignedFrame(frame=DATA, algorithm=ALGORITHM, signature=signature, key_id=KEY_ID)

    assert AUTHENTICATOR.read(forged).unproven is not None


@settings(max_examples=1_000, deadline=None)
@given(messages(pb.Frame.DESCRIPTOR, {"count": [1, 2, 9], "metric": [1, 2, 3]}))
def test_an_arbitrary_frame_is_read_or_malformed(message: pb.Frame) -> None:
    try:
        frame = parse_frame(message.SerializeToString())
    except Malformed:
        return
    assert all(len(values) == frame.count for values in frame.columns.values())


def test_a_frame_over_the_bound_is_not_even_parsed() -> None:
    huge = pb.SignedFrame(frame=b"x" * (512 * 1024 + 1))

    refusal = AUTHENTICATOR.read(huge).unproven

    assert refusal is not None and refusal.reason.name == "TOO_LARGE"
