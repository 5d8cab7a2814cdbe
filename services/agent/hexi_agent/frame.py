"""Builds frames: columns in little-endian binary32, chained by SM3, signed by the agent's key."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hexi.telemetry.v1 import telemetry_pb2
from hexi_kit.identity import Identity
from hexi_kit.signing import fingerprint, load_signing_key, sign
from numpy.typing import NDArray

from hexi_agent.sources import Sample


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
    """Signs with the key of the agent's certificate, as it is on disk now."""

    def __init__(self, identity: Identity) -> None:
        self.certificate = identity.certificate()
        self.key_id = fingerprint(self.certificate)
        self._key = load_signing_key(identity.key())

    def sign(self, frame: bytes) -> telemetry_pb2.SignedFrame:
        return telemetry_pb2.SignedFrame(
            frame=frame,
            algorithm=telemetry_pb2.SIGNATURE_ALGORITHM_ECDSA_P256_SHA256,
            signature=sign(self._key, frame),
            key_id=self.key_id,
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
            telemetry_pb2.Column(
                metric=telemetry_pb2.Metric.ValueType(metric),
                values=values.astype("<f4", copy=False).tobytes(),
            )
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
