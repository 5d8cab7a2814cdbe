"""The service as gRPC sees it: frames in and acks out, and reading back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import grpc
from hexi.telemetry.v1 import telemetry_pb2
from hexi.telemetry.v1 import telemetry_service_pb2 as pb
from hexi.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceServicer
from hexi_kit.errors import InvalidArgument, PermissionDenied, Violation
from hexi_kit.rpc.context import current_principal
from hexi_kit.rpc.validate import Violations
from hexi_kit.signing import sm3

from hexi_telemetry.api.batches import Batches
from hexi_telemetry.api.certificate import OWN_KEY, Certificates
from hexi_telemetry.api.paging import page_size, read_token, token
from hexi_telemetry.api.quota import Quotas
from hexi_telemetry.domain.arrival import Peer
from hexi_telemetry.domain.frame import Reason
from hexi_telemetry.domain.stream import NUMBER_MAX, StreamKey
from hexi_telemetry.handlers.push import PushFrames
from hexi_telemetry.ports.streams import Reads, Sites
from hexi_telemetry.wire.arrivals import Authenticator
from hexi_telemetry.wire.events import refused_message
from hexi_telemetry.wire.keys import read_statement

OWN_SITE = "telemetry-own-site"
Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class DoorNeeds:
    """What the door stands on."""

    push: PushFrames
    reads: Reads
    sites: Sites
    certificates: Certificates
    quotas: Quotas


class TelemetryServicer(TelemetryServiceServicer):
    """Parses, asks a handler, renders."""

    def __init__(self, needs: DoorNeeds) -> None:
        self._needs = needs

    async def PushFrames(
        self, request_iterator: AsyncIterator[pb.PushFramesRequest], context: Context
    ) -> AsyncIterator[pb.PushFramesResponse]:
        requests = aiter(request_iterator)
        hello = await _hello(requests)
        key = StreamKey(hello.site_id, hello.agent_id, hello.epoch)
        peer, authenticator = self._greet(key, hello)
        with self._needs.quotas.stream(key.site_id):
            opened = await self._needs.push.open(key)
            peer = Peer(key, peer.principal, peer.source, opened.next_sequence)
            resume = pb.Resume(
                next_sequence=opened.next_sequence, server_set_revision=opened.revision
            )
            yield pb.PushFramesResponse(resume=resume)
            authenticator.learn(opened.keys)
            async with Batches(_items(requests)) as batches:
                async for batch in batches:
                    for is_key, items in groupby(batch, _is_key):
                        if is_key:
                            for item in items:
                                await self._learn(peer, authenticator, item.key)
                        else:
                            frames = [item.frame for item in items]
                            yield await self._decide(peer, authenticator, frames)

    def _greet(self, key: StreamKey, hello: pb.Hello) -> tuple[Peer, Authenticator]:
        principal = current_principal()
        if (principal.scope, principal.name) != (key.site_id, key.agent_id):
            reason = f"{principal} may not push for {key.site_id}/{key.agent_id}"
            raise PermissionDenied(OWN_SITE, reason)
        certificate = self._needs.certificates.require(hello.certificate, principal)
        site = self._needs.sites.find(key.site_id)
        bound = site.fingerprints if site is not None else frozenset()
        authenticator = Authenticator(key, certificate, bound)
        source = f"{key.site_id}/{key.agent_id}"
        return Peer(key, principal.uri, source, 1), authenticator

    async def _learn(
        self, peer: Peer, authenticator: Authenticator, signed: telemetry_pb2.SignedKeyStatement
    ) -> None:
        """A stated key signs from here on, or the stream ends with the reason why it does not."""
        self._needs.quotas.take(peer.stream.site_id, 1)
        principal = current_principal()
        certificate = self._needs.certificates.require(
            signed.certificate, principal, "key.certificate"
        )
        stated = read_statement(signed, peer.stream, certificate)
        decided = await self._needs.push.state_key(peer, stated, sm3(signed.statement))
        for refused in decided.refused:
            reason, detail = refused.refusal
            if reason is Reason.MALFORMED:
                raise InvalidArgument([Violation("key.statement", detail)])
            raise PermissionDenied(OWN_KEY, f"{reason.name}: {detail}")
        authenticator.learn(decided.stream.keys)

    async def _decide(
        self,
        peer: Peer,
        authenticator: Authenticator,
        batch: Sequence[telemetry_pb2.SignedFrame],
    ) -> pb.PushFramesResponse:
        self._needs.quotas.take(peer.stream.site_id, len(batch))
        arrivals = [authenticator.read(signed) for signed in batch]
        decided = await self._needs.push.push(peer, arrivals)
        ack = pb.Ack(
            through_sequence=decided.stream.decided_through,
            refused=[refused_message(one) for one in decided.refused],
        )
        return pb.PushFramesResponse(ack=ack)

    async def ListRollups(
        self, request: pb.ListRollupsRequest, context: Context
    ) -> pb.ListRollupsResponse:
        _require_own_site(request.site_id)
        to_ms = request.to_ms or NUMBER_MAX
        violations = Violations()
        violations.bounded("from_ms", request.from_ms, 0, NUMBER_MAX)
        violations.bounded("to_ms", to_ms, request.from_ms, NUMBER_MAX)
        size = page_size(violations, request.page_size)
        after = read_token(violations, request.page_token, 2)
        violations.raise_if_any()
        rows = await self._needs.reads.rollups(
            request.site_id,
            (request.from_ms, to_ms),
            (after[0], after[1]),
            (size, request.width_ms),
        )
        following = token(*rows[-1][:2]) if len(rows) == size else ""
        return pb.ListRollupsResponse(rollups=[row[2] for row in rows], next_page_token=following)

    async def ListGaps(self, request: pb.ListGapsRequest, context: Context) -> pb.ListGapsResponse:
        _require_own_site(request.site_id)
        violations = Violations()
        size = page_size(violations, request.page_size)
        (after,) = read_token(violations, request.page_token, 1)
        violations.raise_if_any()
        rows = await self._needs.reads.gaps(request.site_id, after, size)
        following = token(rows[-1][0]) if len(rows) == size else ""
        return pb.ListGapsResponse(gaps=[row[1] for row in rows], next_page_token=following)

    async def GetSiteStatus(
        self, request: pb.GetSiteStatusRequest, context: Context
    ) -> pb.GetSiteStatusResponse:
        _require_own_site(request.site_id)
        streams = await self._needs.reads.streams(request.site_id)
        return pb.GetSiteStatusResponse(site_id=request.site_id, streams=streams)


def _require_own_site(site_id: str) -> None:
    violations = Violations()
    violations.identifier("site_id", site_id)
    violations.raise_if_any()
    principal = current_principal()
    if principal.kind == "agent" and principal.scope != site_id:
        raise PermissionDenied(OWN_SITE, f"{principal} may not read of site {site_id}")


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


async def _items(
    requests: AsyncIterator[pb.PushFramesRequest],
) -> AsyncIterator[pb.PushFramesRequest]:
    async for request in requests:
        if request.WhichOneof("item") not in ("frame", "key"):
            raise InvalidArgument([Violation("item", "expected a frame or a key after hello")])
        yield request


def _is_key(request: pb.PushFramesRequest) -> bool:
    return request.HasField("key")
