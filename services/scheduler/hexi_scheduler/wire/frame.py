"""Telemetry frames, in."""

from __future__ import annotations

import numpy as np
from hexi.telemetry.v1 import telemetry_pb2
from hexi_kit.columns import BadColumn, Packed, unpack
from hexi_kit.errors import Poison

from hexi_scheduler.domain.place.conditions import Flags, Readings, Values

COUNT_MAX = 1_000_000
JUDGED_BY = (telemetry_pb2.METRIC_INLET_TEMPERATURE_C, telemetry_pb2.METRIC_POWER_W)


def readings(frame: telemetry_pb2.Frame) -> Readings:
    """What the conditions need of a frame.

    Raises:
        Poison: columns or quality that do not cover the servers the frame names.
    """
    count = frame.count
    if count > COUNT_MAX or frame.first_server > COUNT_MAX:
        raise Poison(f"frame of {frame.site_id}: {count} servers are too many")
    columns: dict[int, Values] = {}
    for column in frame.columns:
        if column.metric not in JUDGED_BY:
            continue
        head = column.encoding, column.scale, column.offset, column.values_bytes
        try:
            columns[column.metric] = unpack(Packed(column.values, *head), count)
        except BadColumn as error:
            raise Poison(f"frame of {frame.site_id}: {error}") from error
    return Readings(
        frame.first_server,
        _quality(frame),
        columns.get(telemetry_pb2.METRIC_INLET_TEMPERATURE_C),
        columns.get(telemetry_pb2.METRIC_POWER_W),
        frame.observed_at_ms,
        frame.period_ms,
    )


def _quality(frame: telemetry_pb2.Frame) -> Flags:
    if not frame.quality:
        return np.ones(frame.count, dtype=np.bool_)
    bits = np.unpackbits(np.frombuffer(frame.quality, dtype=np.uint8), bitorder="little")
    if len(bits) < frame.count:
        raise Poison(f"frame of {frame.site_id}: quality does not cover its servers")
    return bits[: frame.count].astype(np.bool_)
