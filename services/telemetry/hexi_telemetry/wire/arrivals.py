"""Proves who sent a frame: size, shape, names, and the signature over the exact bytes."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec
from hexi.telemetry.v1 import telemetry_pb2
from hexi_kit.signing import is_signed_by, sm3

from hexi_telemetry.domain.arrival import Arrival
from hexi_telemetry.domain.frame import Frame, Reason, Refusal
from hexi_telemetry.domain.stream import StreamKey
from hexi_telemetry.wire.frames import FRAME_BYTES_MAX, Malformed, parse_frame

SIGNATURE_BYTES_MAX = 128


class Authenticator:
    """The checks of one connection, whose certificate names one stream and one key."""

    def __init__(
        self,
        stream: StreamKey,
        key: ec.EllipticCurvePublicKey,
        key_id: str,
        bound: frozenset[str] = frozenset(),
    ) -> None:
        """`bound` are the keys inventory lists for the site; empty where it lists none."""
        self._stream, self._key, self._key_id = stream, key, key_id
        self._is_bound = not bound or key_id in bound

    def read(self, signed: telemetry_pb2.SignedFrame) -> Arrival:
        """An arrival, proven or with the reason why not."""
        data = signed.frame
        if len(data) > FRAME_BYTES_MAX:
            detail = f"expected at most {FRAME_BYTES_MAX} bytes, was {len(data)}"
            return Arrival(b"", sm3(data), None, Refusal(Reason.TOO_LARGE, detail))
        payload = signed.SerializeToString(deterministic=True)
        try:
            frame = parse_frame(data)
        except Malformed as error:
            refusal = Refusal(Reason.MALFORMED, str(error))
            return Arrival(payload, sm3(data), None, refusal)
        refused = self._names(frame) or self._signature(signed, data)
        return Arrival(payload, frame.digest, frame, refused, frame.sequence if refused else 0)

    def _names(self, frame: Frame) -> Refusal | None:
        stream = self._stream
        if frame.site_id != stream.site_id or frame.agent_id != stream.agent_id:
            expected = f"{stream.site_id}/{stream.agent_id}"
            was = f"{frame.site_id[:64]}/{frame.agent_id[:64]}"
            return Refusal(Reason.WRONG_SITE, f"expected {expected}, was {was}")
        if frame.epoch != stream.epoch:
            detail = f"expected epoch {stream.epoch}, was {frame.epoch}"
            return Refusal(Reason.REPLAYED, detail)
        return None

    def _signature(self, signed: telemetry_pb2.SignedFrame, data: bytes) -> Refusal | None:
        if signed.algorithm != telemetry_pb2.SIGNATURE_ALGORITHM_ECDSA_P256_SHA256:
            detail = f"expected algorithm ECDSA_P256_SHA256, was {signed.algorithm}"
            return Refusal(Reason.SIGNATURE, detail)
        if signed.key_id != self._key_id:
            detail = f"expected key {self._key_id}, was {signed.key_id[:64]}"
            return Refusal(Reason.SIGNATURE, detail)
        if not self._is_bound:
            return Refusal(Reason.SIGNATURE, f"key {self._key_id} is not bound to the site")
        if len(signed.signature) > SIGNATURE_BYTES_MAX or not is_signed_by(
            self._key, signed.signature, data
        ):
            return Refusal(Reason.SIGNATURE, "the signature does not fit the bytes and the key")
        return None
