"""The door for those who look, as gRPC sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from hexi.telemetry.v1 import series_service_pb2 as pb
from hexi.telemetry.v1.series_service_pb2_grpc import SeriesServiceServicer
from hexi_kit.clock import Clock
from hexi_kit.errors import NotFound, PermissionDenied, ResourceExhausted
from hexi_kit.rpc.context import current_principal
from hexi_kit.rpc.validate import Violations

from hexi_telemetry.api.own_site import require_may_read
from hexi_telemetry.domain.frame import Metric
from hexi_telemetry.domain.points import POINTS_DEFAULT, POINTS_MAX, Grid, least_step
from hexi_telemetry.domain.series import DAY_MS, MINUTE_MS
from hexi_telemetry.domain.stream import NUMBER_MAX
from hexi_telemetry.handlers.look import Board, answer, known_scope
from hexi_telemetry.ports.series import SeriesStore
from hexi_telemetry.ports.streams import Sites
from hexi_telemetry.wire.series import picture_message, series_message

WHOLE_SITES = "telemetry-teams-whole-sites"
RANGE_DAYS_MAX = 31
INTERVAL_MS, INTERVAL_MS_MIN, INTERVAL_MS_MAX = 5_000, 1_000, 3_600_000
SITES_MAX = 1_000
WATCHERS_MAX = 200
# Questions share connections and cores with the ledger: most of both is the ledger's.
QUESTIONS_AT_ONCE = 2
QUESTIONS_MAX = 32
_METRICS = frozenset(int(metric) for metric in Metric)
Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class SeriesNeeds:
    """What the door stands on; `real_clock` paces those who watch."""

    store: SeriesStore
    sites: Sites
    board: Board
    real_clock: Clock


class SeriesServicer(SeriesServiceServicer):
    """Parses, asks a handler, renders."""

    def __init__(self, needs: SeriesNeeds) -> None:
        self._needs = needs
        self._watchers = self._questions = 0
        self._turns = asyncio.Semaphore(QUESTIONS_AT_ONCE)

    async def QuerySeries(
        self, request: pb.QuerySeriesRequest, context: Context
    ) -> pb.QuerySeriesResponse:
        metric, grid = _read(request)
        _require_may_see(request)
        server = request.server if request.HasField("server") else None
        scope = known_scope(self._needs.sites, request.site_id, request.rack, server)
        with self._counted_question():
            async with self._turns:
                points = await answer(self._needs.store, scope, metric, grid)
        return pb.QuerySeriesResponse(series=series_message(scope, metric, grid, points))

    async def WatchSites(
        self, request: pb.WatchSitesRequest, context: Context
    ) -> AsyncIterator[pb.WatchSitesResponse]:
        wanted = self._wanted(request)
        with_racks = current_principal().kind != "tenant"
        if self._watchers >= WATCHERS_MAX:
            raise ResourceExhausted(f"expected at most {WATCHERS_MAX} watchers, was one more")
        self._watchers += 1
        try:
            while True:
                # Drawn only when the last one is gone: who reads slowly gets the newest.
                yield picture_message(self._needs.board.look(), wanted, with_racks)
                await self._needs.real_clock.sleep((request.interval_ms or INTERVAL_MS) / 1_000)
        finally:
            self._watchers -= 1

    @contextmanager
    def _counted_question(self) -> Iterator[None]:
        if self._questions >= QUESTIONS_MAX:
            raise ResourceExhausted(f"expected at most {QUESTIONS_MAX} questions, was one more")
        self._questions += 1
        try:
            yield
        finally:
            self._questions -= 1

    def _wanted(self, request: pb.WatchSitesRequest) -> frozenset[str]:
        violations = Violations()
        if request.interval_ms:
            interval_ms = request.interval_ms
            violations.bounded("interval_ms", interval_ms, INTERVAL_MS_MIN, INTERVAL_MS_MAX)
        count = len(request.site_ids)
        violations.require(
            count <= SITES_MAX, "site_ids", f"expected at most {SITES_MAX}, was {count}"
        )
        violations.raise_if_any()
        principal = current_principal()
        if principal.kind == "agent":
            for site_id in request.site_ids:
                require_may_read(site_id)
            return frozenset({principal.scope})
        for site_id in request.site_ids:
            if self._needs.sites.find(site_id) is None:
                raise NotFound("site", site_id[:128])
        return frozenset(request.site_ids)


def _read(request: pb.QuerySeriesRequest) -> tuple[Metric, Grid]:
    """What is asked for, or all that is wrong with it."""
    violations = Violations()
    violations.identifier("site_id", request.site_id)
    if request.WhichOneof("scope") == "rack":
        violations.text("rack", request.rack, 128)
    is_known = int(request.metric) in _METRICS
    violations.require(is_known, "metric", f"expected a known metric, was {request.metric}")
    for name in ("from_ms", "to_ms", "step_ms"):
        value = getattr(request, name)
        is_whole = 0 <= value <= NUMBER_MAX and value % MINUTE_MS == 0
        violations.require(is_whole, name, f"expected whole minutes in ms, was {value}")
    longest_ms = RANGE_DAYS_MAX * DAY_MS
    lowest_ms = request.from_ms + MINUTE_MS
    violations.bounded("to_ms", request.to_ms, lowest_ms, request.from_ms + longest_ms)
    violations.raise_if_any()
    default_ms = least_step(request.from_ms, request.to_ms, POINTS_DEFAULT)
    grid = Grid(request.from_ms, request.to_ms, request.step_ms or default_ms)
    least_ms = least_step(grid.from_ms, grid.to_ms, POINTS_MAX)
    expected = f"expected at least {least_ms} for at most {POINTS_MAX} points, was {grid.step_ms}"
    violations.require(grid.points <= POINTS_MAX, "step_ms", expected)
    violations.raise_if_any()
    return Metric(request.metric), grid


def _require_may_see(request: pb.QuerySeriesRequest) -> None:
    require_may_read(request.site_id)
    principal = current_principal()
    if principal.kind == "tenant" and request.WhichOneof("scope") is not None:
        raise PermissionDenied(WHOLE_SITES, f"{principal} may look at whole sites only")
