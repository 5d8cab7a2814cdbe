"""Proves who sent a frame: size, shape, names, and the signature over the exact bytes."""

from __future__ import annotations

from hexi.telemetry.v1 import telemetry_pb2
from hexi_kit.keys import PublicKey
from hexi_kit.signing import sm3

from hexi_telemetry.domain.arrival import Arrival
from hexi_telemetry.domain.frame import Frame, Reason, Refusal
from hexi_telemetry.domain.keys import KeyRing
from hexi_telemetry.domain.stream import StreamKey
from hexi_telemetry.wire.frames import FRAME_BYTES_MAX, Malformed, parse_frame
from hexi_telemetry.wire.keys import public_key


class Authenticator:
    """The checks of one connection: its stream, its certificate's key, and the stated keys."""

    def __init__(
        self, stream: StreamKey, certificate: PublicKey, bound: frozenset[str] = frozenset()
    ) -> None:
        """`bound` are the certificates inventory lists for the site; empty where it lists none."""
        self._stream, self.certificate = stream, certificate
        self._is_bound = not bound or certificate.key_id in bound
        self._keys = {certificate.key_id: certificate}

    def learn(self, ring: KeyRing) -> None:
        """Signatures of these keys fit too; which number each may sign, the stream decides."""
        stated = {key.key_id: public_key(key) for key in ring}
        self._keys = {**stated, self.certificate.key_id: self.certificate}

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
        if refused is not None:
            return Arrival(payload, frame.digest, frame, refused, frame.sequence)
        return Arrival(payload, frame.digest, frame, key_id=signed.key_id)

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
        key = self._keys.get(signed.key_id)
        if key is None:
            expected = " or ".join(sorted(self._keys)[:4])
            detail = f"expected key {expected}, was {signed.key_id[:64]}"
            return Refusal(Reason.SIGNATURE, detail)
        if signed.algorithm != key.algorithm.value:
            detail = f"expected algorithm {key.algorithm.name}, was {signed.algorithm}"
            return Refusal(Reason.SIGNATURE, detail)
        if key is self.certificate and not self._is_bound:
            return Refusal(Reason.SIGNATURE, f"key {key.key_id} is not bound to the site")
        if not key.has_signed(data, signed.signature):
            return Refusal(Reason.SIGNATURE, "the signature does not fit the bytes and the key")
        return None
