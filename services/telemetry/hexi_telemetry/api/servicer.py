"""The service as gRPC sees it: frames in and acks out, and reading back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
from hexi.telemetry.v1 import telemetry_service_pb2 as pb
from hexi.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceServicer
from hexi_kit.rpc.context import current_principal
from hexi_kit.rpc.validate import Violations

from hexi_telemetry.api.own_site import require_may_read
from hexi_telemetry.api.paging import page_size, read_token, token
from hexi_telemetry.api.push import DoorNeeds, push_frames
from hexi_telemetry.domain.energy.window import WIDTHS_MS
from hexi_telemetry.domain.stream import NUMBER_MAX

Context = grpc.aio.ServicerContext[Any, Any]


class TelemetryServicer(TelemetryServiceServicer):
    """Parses, asks a handler, renders."""

    def __init__(self, needs: DoorNeeds) -> None:
        self._needs = needs

    async def PushFrames(
        self, request_iterator: AsyncIterator[pb.PushFramesRequest], context: Context
    ) -> AsyncIterator[pb.PushFramesResponse]:
        # Before a byte is looked at: whoever pushes too much waits outside.
        async with self._needs.quotas.stream(current_principal().scope):
            async for answer in push_frames(self._needs, aiter(request_iterator)):
                yield answer

    async def ListRollups(
        self, request: pb.ListRollupsRequest, context: Context
    ) -> pb.ListRollupsResponse:
        to_ms = request.to_ms or NUMBER_MAX
        violations = Violations()
        violations.identifier("site_id", request.site_id)
        violations.bounded("from_ms", request.from_ms, 0, NUMBER_MAX)
        violations.bounded("to_ms", to_ms, request.from_ms, NUMBER_MAX)
        is_width = request.width_ms in (0, *WIDTHS_MS)
        expected = f"expected 0 or one of {WIDTHS_MS}, was {request.width_ms}"
        violations.require(is_width, "width_ms", expected)
        size = page_size(violations, request.page_size)
        after = read_token(violations, request.page_token, 2)
        violations.raise_if_any()
        require_may_read(request.site_id)
        rows = await self._needs.reads.rollups(
            request.site_id,
            (request.from_ms, to_ms),
            (after[0], after[1]),
            (size, request.width_ms),
        )
        following = token(*rows[-1][:2]) if len(rows) == size else ""
        return pb.ListRollupsResponse(rollups=[row[2] for row in rows], next_page_token=following)

    async def ListGaps(self, request: pb.ListGapsRequest, context: Context) -> pb.ListGapsResponse:
        violations = Violations()
        violations.identifier("site_id", request.site_id)
        size = page_size(violations, request.page_size)
        (after,) = read_token(violations, request.page_token, 1)
        violations.raise_if_any()
        require_may_read(request.site_id)
        rows = await self._needs.reads.gaps(request.site_id, after, size)
        following = token(rows[-1][0]) if len(rows) == size else ""
        return pb.ListGapsResponse(gaps=[row[1] for row in rows], next_page_token=following)

    async def GetSiteStatus(
        self, request: pb.GetSiteStatusRequest, context: Context
    ) -> pb.GetSiteStatusResponse:
        violations = Violations()
        violations.identifier("site_id", request.site_id)
        violations.raise_if_any()
        require_may_read(request.site_id)
        streams = await self._needs.reads.streams(request.site_id)
        return pb.GetSiteStatusResponse(site_id=request.site_id, streams=streams)
