"""One stream of pushed frames: greeted once, then batch by batch charged, proved and decided."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

from hexi.telemetry.v1 import telemetry_pb2
from hexi.telemetry.v1 import telemetry_service_pb2 as pb
from hexi_kit.errors import InvalidArgument, PermissionDenied, Violation
from hexi_kit.metrics import histogram
from hexi_kit.rpc.context import current_principal
from hexi_kit.rpc.validate import Violations
from hexi_kit.signing import sm3

from hexi_telemetry.api.batches import Batches
from hexi_telemetry.api.certificate import OWN_KEY, Certificates
from hexi_telemetry.api.own_site import OWN_SITE
from hexi_telemetry.api.quota import Quotas
from hexi_telemetry.domain.arrival import Arrival, Peer
from hexi_telemetry.domain.frame import Reason
from hexi_telemetry.domain.stream import NUMBER_MAX, StreamKey
from hexi_telemetry.handlers.push import PushFrames
from hexi_telemetry.ports.streams import Reads, Sites
from hexi_telemetry.wire.arrivals import Authenticator
from hexi_telemetry.wire.events import refused_message
from hexi_telemetry.wire.keys import read_statement


@dataclass(frozen=True, slots=True)
class DoorNeeds:
    """What the door stands on."""

    push: PushFrames
    reads: Reads
    sites: Sites
    certificates: Certificates
    quotas: Quotas


class Came(NamedTuple):
    """A message, and when it had been read."""

    message: pb.PushFramesRequest
    at_s: float


async def push_frames(
    needs: DoorNeeds, requests: AsyncIterator[pb.PushFramesRequest]
) -> AsyncIterator[pb.PushFramesResponse]:
    """Answers of one stream, as long as it lasts."""
    hello = await _hello(requests)
    key = StreamKey(hello.site_id, hello.agent_id, hello.epoch)
    async with needs.quotas.turn(current_principal().scope):
        peer, authenticator = _greet(needs, key, hello)
        opened = await needs.push.open(key)
    peer = replace(peer, resumed_at=opened.next_sequence)
    yield pb.PushFramesResponse(
        resume=pb.Resume(next_sequence=opened.next_sequence, server_set_revision=opened.revision)
    )
    authenticator.learn(opened.keys)
    stream = _Stream(needs, peer, authenticator)
    came = _came(requests, needs.quotas)
    async with Batches(came, lambda one: one.message.ByteSize()) as batches:
        async for batch in batches:
            for is_key, items in groupby(batch, _is_key):
                if is_key:
                    await stream.learn(list(items))
                else:
                    yield await stream.decide(list(items))


class _Stream:
    """One greeted stream."""

    def __init__(self, needs: DoorNeeds, peer: Peer, authenticator: Authenticator) -> None:
        self._needs, self._peer, self._authenticator = needs, peer, authenticator
        self._site_id = peer.stream.site_id

    async def learn(self, came: Sequence[Came]) -> None:
        """A stated key signs from here on, or the stream ends with the reason why it does not."""
        async with self._needs.quotas.turn(self._site_id):
            self._charge(came)
            for one in came:
                await self._learn(one.message.key)

    async def decide(self, came: Sequence[Came]) -> pb.PushFramesResponse:
        quotas = self._needs.quotas
        async with quotas.turn(self._site_id):
            self._charge(came)
            decided = await self._needs.push.push(self._peer, await self._proved(came))
        now_s, waits = quotas.clock.real_monotonic_s(), histogram("telemetry.ack_ms")
        for one in came:
            waits.record((now_s - one.at_s) * 1_000)
        ack = pb.Ack(
            through_sequence=decided.stream.decided_through,
            refused=[refused_message(one) for one in decided.refused],
        )
        return pb.PushFramesResponse(ack=ack)

    async def _proved(self, came: Sequence[Came]) -> list[Arrival]:
        """Signatures are most of the work: between two of them the other sites have their turn."""
        arrivals = []
        for one in came:
            arrivals.append(self._authenticator.read(one.message.frame))
            await self._needs.quotas.breathe(self._site_id)
        return arrivals

    def _charge(self, came: Sequence[Came]) -> None:
        size = sum(one.message.ByteSize() for one in came)
        self._needs.quotas.take(self._site_id, len(came), size)

    async def _learn(self, signed: telemetry_pb2.SignedKeyStatement) -> None:
        principal = current_principal()
        certificate = self._needs.certificates.require(
            signed.certificate, principal, "key.certificate"
        )
        stated = read_statement(signed, self._peer.stream, certificate)
        decided = await self._needs.push.state_key(self._peer, stated, sm3(signed.statement))
        for refused in decided.refused:
            reason, detail = refused.refusal
            if reason is Reason.MALFORMED:
                raise InvalidArgument([Violation("key.statement", detail)])
            raise PermissionDenied(OWN_KEY, f"{reason.name}: {detail}")
        self._authenticator.learn(decided.stream.keys)


def _greet(needs: DoorNeeds, key: StreamKey, hello: pb.Hello) -> tuple[Peer, Authenticator]:
    principal = current_principal()
    if (principal.scope, principal.name) != (key.site_id, key.agent_id):
        reason = f"{principal} may not push for {key.site_id}/{key.agent_id}"
        raise PermissionDenied(OWN_SITE, reason)
    certificate = needs.certificates.require(hello.certificate, principal)
    site = needs.sites.find(key.site_id)
    bound = site.fingerprints if site is not None else frozenset()
    authenticator = Authenticator(key, certificate, bound)
    return Peer(key, principal.uri, f"{key.site_id}/{key.agent_id}", 1), authenticator


async def _hello(requests: AsyncIterator[pb.PushFramesRequest]) -> pb.Hello:
    first = await anext(requests, None)
    if first is None or first.WhichOneof("item") != "hello":
        raise InvalidArgument([Violation("item", "expected hello as the first message")])
    hello = first.hello
    violations = Violations()
    violations.identifier("hello.site_id", hello.site_id)
    violations.identifier("hello.agent_id", hello.agent_id)
    violations.bounded("hello.epoch", hello.epoch, 0, NUMBER_MAX)
    violations.raise_if_any()
    return hello


async def _came(
    requests: AsyncIterator[pb.PushFramesRequest], quotas: Quotas
) -> AsyncIterator[Came]:
    async for request in requests:
        if request.WhichOneof("item") not in ("frame", "key"):
            raise InvalidArgument([Violation("item", "expected a frame or a key after hello")])
        yield Came(request, quotas.clock.real_monotonic_s())


def _is_key(one: Came) -> bool:
    return one.message.HasField("key")
