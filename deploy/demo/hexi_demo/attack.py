"""Two attacks on the province: a frame forged for one rack, and a true frame played again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import grpc
import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec
from hexi.telemetry.v1 import telemetry_pb2 as pb
from hexi.telemetry.v1 import telemetry_service_pb2 as service
from hexi.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceStub
from hexi_kit.identity import Identity
from hexi_kit.rpc.channel import open_channel
from hexi_kit.signing import sign

HARMLESS_W = 180.0


@dataclass(frozen=True, slots=True)
class Victim:
    """Whose frames are forged, and which run of servers (one rack) they speak of."""

    site_id: str
    agent_id: str
    epoch: int
    server_set_revision: int
    first_server: int
    count: int


def forged(victim: Victim, sequence: int, now_ms: int) -> pb.SignedFrame:
    """A plausible frame signed with a key that the site never had."""
    frame = pb.Frame(
        site_id=victim.site_id,
        agent_id=victim.agent_id,
        epoch=victim.epoch,
        sequence=sequence,
        server_set_revision=victim.server_set_revision,
        observed_at_ms=now_ms,
        period_ms=10_000,
        first_server=victim.first_server,
        count=victim.count,
        columns=[
            pb.Column(
                metric=pb.METRIC_POWER_W,
                values=np.full(victim.count, HARMLESS_W, "<f4").tobytes(),
            )
        ],
    ).SerializeToString()
    return pb.SignedFrame(
        frame=frame,
        algorithm=pb.SIGNATURE_ALGORITHM_ECDSA_P256_SHA256,
        signature=sign(ec.generate_private_key(ec.SECP256R1()), frame),
        key_id="0" * 64,
    )


async def push(
    address: str, thief: Identity, hello: service.Hello, frames: Sequence[pb.SignedFrame]
) -> list[service.Refused]:
    """Push frames over a stream of the thief's own; what telemetry refused of them."""

    async def requests() -> AsyncIterator[service.PushFramesRequest]:
        yield service.PushFramesRequest(hello=hello)
        for frame in frames:
            yield service.PushFramesRequest(frame=frame)

    refused: list[service.Refused] = []
    async with open_channel(address, thief) as channel:
        try:
            async for answer in TelemetryServiceStub(channel).PushFrames(requests(), timeout=10):
                refused += answer.ack.refused
        except grpc.aio.AioRpcError as error:
            # Cut off is an answer too: the refusal stands in the security log either way.
            if error.code() in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL):
                raise
    return refused


def hello(victim: Victim, thief: Identity) -> service.Hello:
    return service.Hello(
        site_id=victim.site_id,
        agent_id=victim.agent_id,
        epoch=victim.epoch,
        certificate=thief.certificate(),
    )
