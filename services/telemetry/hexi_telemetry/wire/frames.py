"""Reads frames out of bytes, strictly: what is odd is refused, nothing is repaired."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from google.protobuf.message import DecodeError
from hexi.telemetry.v1 import telemetry_pb2
from hexi_kit.columns import BadColumn, Packed, unpack
from hexi_kit.errors import Poison
from hexi_kit.signing import SM3_BYTES, sm3

from hexi_telemetry.domain.frame import FloatColumn, Frame, Mask, Metric
from hexi_telemetry.domain.stream import NUMBER_MAX

SERVERS_MAX = 5_000
FRAME_BYTES_MAX = 512 * 1024
PERIOD_MS_MAX = 3_600_000
METERS = ("facility_energy_ws", "it_energy_ws", "renewable_energy_ws", "water_ml")


class Malformed(ValueError):
    """The bytes are no frame; the text says what was expected."""


def parse_frame(data: bytes) -> Frame:
    """A frame out of the bytes that were signed, or Malformed."""
    message = telemetry_pb2.Frame()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise Malformed(f"expected a Frame, was {len(data)} bytes of garbage") from error
    count = message.count
    _require(1 <= count <= SERVERS_MAX, f"count: expected 1 to {SERVERS_MAX}, was {count}")
    for name in ("epoch", "sequence", "server_set_revision", "observed_at_ms"):
        value = getattr(message, name)
        _require(0 <= value <= NUMBER_MAX, f"{name}: expected below 2^63, was {value}")
    for name in METERS:
        _require(getattr(message, name) <= NUMBER_MAX, f"{name}: expected below 2^63")
    period_ms = message.period_ms
    _require(1 <= period_ms <= PERIOD_MS_MAX, f"period_ms: expected 1 to 3600000, was {period_ms}")
    _require(
        len(message.previous_digest) in (0, SM3_BYTES),
        f"previous_digest: expected {SM3_BYTES} bytes, was {len(message.previous_digest)}",
    )
    return Frame(
        message.site_id,
        message.agent_id,
        message.epoch,
        message.sequence,
        message.server_set_revision,
        message.observed_at_ms,
        period_ms,
        message.first_server,
        count,
        _columns(message.columns, count),
        _quality(message.quality, count),
        message.facility_energy_ws,
        message.it_energy_ws,
        message.previous_digest,
        sm3(data),
        message.renewable_energy_ws,
        message.water_ml,
    )


def _columns(columns: Iterable[telemetry_pb2.Column], count: int) -> dict[Metric, FloatColumn]:
    found: dict[Metric, FloatColumn] = {}
    for column in columns:
        try:
            metric = Metric(column.metric)
        except ValueError as error:
            raise Malformed(f"columns: expected a known metric, was {column.metric}") from error
        _require(metric not in found, f"columns: expected {metric.name} once, was twice")
        try:
            found[metric] = unpack(_packed(column), count)
        except BadColumn as error:
            raise Malformed(f"{metric.name}: {error}") from error
    _require(bool(found), "columns: expected at least one, was none")
    return found


def _packed(column: telemetry_pb2.Column) -> Packed:
    return Packed(column.values, column.encoding, column.scale, column.offset, column.values_bytes)


def _quality(bits: bytes, count: int) -> Mask | None:
    if not bits:
        return None
    expected = (count + 7) // 8
    _require(len(bits) == expected, f"quality: expected {expected} bytes, was {len(bits)}")
    unpacked = np.unpackbits(np.frombuffer(bits, np.uint8), count=count, bitorder="little")
    return unpacked.astype(np.bool_)


def _require(condition: bool, expectation: str) -> None:
    if not condition:
        raise Malformed(expectation)


def frame_of_log(data: bytes) -> Frame:
    """A frame off our own log; whatever is none is Poison."""
    try:
        return parse_frame(data)
    except Malformed as error:
        raise Poison(str(error)) from error
