"""The province as it is now, picture by picture; also what time it is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hexi.telemetry.v1 import series_service_pb2 as pb
from hexi.telemetry.v1.series_service_pb2_grpc import SeriesServiceStub

from hexi_cli.state import State


def series_door(state: State) -> SeriesServiceStub:
    return state.stub("telemetry", SeriesServiceStub)


def pictures(
    stub: SeriesServiceStub, sites: list[str], every_s: int = 5
) -> Iterator[pb.WatchSitesResponse]:
    """Ends the call when nobody asks for the next one."""
    call: Any = stub.WatchSites(pb.WatchSitesRequest(site_ids=sites, interval_ms=every_s * 1_000))
    try:
        yield from call
    finally:
        call.cancel()


def now_ms(state: State, site: str) -> int:
    """The time of the services, which in a demo runs faster than ours."""
    return next(pictures(series_door(state), [site])).at_ms
