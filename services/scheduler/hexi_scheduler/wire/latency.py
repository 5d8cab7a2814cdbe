"""Measured latency: telemetry says it, a command and a journal record carry it."""

from __future__ import annotations

from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import place_pb2
from hexi.telemetry.v1 import measure_pb2

from hexi_scheduler.domain.latency import LatencyMeasured, MeasureLatency, RegionLatency
from hexi_scheduler.wire.splice import nested

REGIONS_MAX = 256


def said_by_measures(message: measure_pb2.SiteMeasured, now_ms: int) -> place_pb2.SiteCommand:
    """For the partition that owns the site."""
    told = [
        place_pb2.RegionLatency(
            region=one.region, one_way_us=one.one_way_us, measured_at_ms=one.measured_at_ms
        )
        for one in message.latencies[:REGIONS_MAX]
    ]
    latency = place_pb2.LatencyMeasured(regions=told)
    return place_pb2.SiteCommand(site_id=message.site_id, recorded_at_ms=now_ms, latency=latency)


def measure_latency(message: place_pb2.LatencyMeasured) -> MeasureLatency:
    return MeasureLatency(_regions(message))


def latency_measured(record: place_pb2.LatencyRecord) -> LatencyMeasured:
    return LatencyMeasured(_regions(record.measured))


def latency_record(event: LatencyMeasured, cause: common_pb2.Cause) -> bytes:
    """The value of a journal entry."""
    regions = [place_pb2.RegionLatency(**one._asdict()) for one in event.regions]
    measured = place_pb2.LatencyMeasured(regions=regions)
    record = place_pb2.LatencyRecord(cause=cause, measured=measured)
    return nested(14, record.SerializeToString())


def _regions(message: place_pb2.LatencyMeasured) -> tuple[RegionLatency, ...]:
    return tuple(
        sorted(
            RegionLatency(one.region, one.one_way_us, one.measured_at_ms)
            for one in message.regions
            if one.region
        )
    )
