"""Builds frames, chained by SM3, and signs them: each number with the key that covers it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from hexi.telemetry.v1 import telemetry_pb2
from hexi.telemetry.v1 import telemetry_service_pb2 as rpc
from hexi_kit.identity import Identity
from hexi_kit.keys import Algorithm, PrivateKey
from hexi_kit.signing import fingerprint, load_signing_key, sign
from numpy.typing import NDArray

from hexi_agent.columns import column_of
from hexi_agent.keys import FrameKey, FrameKeys
from hexi_agent.sources import Sample
from hexi_agent.spool import StreamName


@dataclass(frozen=True, slots=True)
class FrameHead:
    """What a frame says besides its readings."""

    site_id: str
    agent_id: str
    epoch: int
    sequence: int
    revision: int
    observed_at_ms: int
    period_ms: int
    previous_digest: bytes


class FrameSigner:
    """Signs in one session: with the stated keys, or where a number has none, with the key of the
    agent's certificate, as it is on disk now."""

    def __init__(self, identity: Identity, keys: FrameKeys | None = None) -> None:
        self.certificate = identity.certificate()
        self.key_id = fingerprint(self.certificate)
        self._key = load_signing_key(identity.key())
        self._keys = keys
        self._stated: set[FrameKey] = set()

    def requests(
        self, name: StreamName, sequence: int, frame: bytes
    ) -> Iterator[rpc.PushFramesRequest]:
        """The signed frame, behind the statement of its key where this session has not made it."""
        key = self._keys.of(name.epoch, sequence) if self._keys is not None else None
        if key is None:
            yield rpc.PushFramesRequest(frame=self.sign(frame))
            return
        if key not in self._stated:
            yield rpc.PushFramesRequest(key=self.statement(name, key))
            self._stated.add(key)
        yield rpc.PushFramesRequest(frame=self._signed(key.private, key.private.key_id, frame))

    def sign(self, frame: bytes) -> telemetry_pb2.SignedFrame:
        """With the certificate's own key."""
        own = PrivateKey(Algorithm.ECDSA_P256_SHA256, self._key)
        return self._signed(own, self.key_id, frame)

    def statement(self, name: StreamName, key: FrameKey) -> telemetry_pb2.SignedKeyStatement:
        """Vouched for by the certificate; the same key is always stated in the same bytes."""
        statement = telemetry_pb2.KeyStatement(
            site_id=name.site_id,
            agent_id=name.agent_id,
            epoch=key.epoch,
            algorithm=telemetry_pb2.SignatureAlgorithm.ValueType(key.private.algorithm.value),
            public_key=key.private.public_der(),
            from_sequence=key.from_sequence,
            stated_at_ms=key.stated_at_ms,
        ).SerializeToString(deterministic=True)
        return telemetry_pb2.SignedKeyStatement(
            statement=statement,
            signature=sign(self._key, statement),
            certificate=self.certificate,
        )

    def _signed(self, key: PrivateKey, key_id: str, frame: bytes) -> telemetry_pb2.SignedFrame:
        return telemetry_pb2.SignedFrame(
            frame=frame,
            algorithm=telemetry_pb2.SignatureAlgorithm.ValueType(key.algorithm.value),
            signature=key.sign(frame),
            key_id=key_id,
        )


def frame_bytes(head: FrameHead, sample: Sample) -> bytes:
    """The bytes that are signed, and whose SM3 the next frame carries."""
    frame = telemetry_pb2.Frame(
        site_id=head.site_id,
        agent_id=head.agent_id,
        epoch=head.epoch,
        sequence=head.sequence,
        server_set_revision=head.revision,
        observed_at_ms=head.observed_at_ms,
        period_ms=head.period_ms,
        first_server=sample.first_server,
        count=sample.count,
        columns=[
            column_of(metric, values, sample.good)
            for metric, values in sorted(sample.columns.items())
        ],
        quality=b"" if sample.good is None or sample.good.all() else quality_bits(sample.good),
        facility_energy_ws=sample.meters.facility_ws,
        it_energy_ws=sample.meters.it_ws,
        renewable_energy_ws=sample.meters.renewable_ws,
        water_ml=sample.meters.water_ml,
        previous_digest=head.previous_digest,
    )
    return frame.SerializeToString(deterministic=True)


def quality_bits(good: NDArray[np.bool_]) -> bytes:
    """One bit a server, least significant first."""
    return np.packbits(good, bitorder="little").tobytes()
