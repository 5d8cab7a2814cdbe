"""How frames, and what is known of them, stand in a spool file: records that prove themselves.

A segment is `record*`; a record is length, crc32, kind, payload. The first record is a HEAD.
Whatever does not add up ends the segment: a torn tail is cut, never repaired.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple
from zlib import crc32

_RECORD = struct.Struct("<IIB")
_MARK = struct.Struct("<QqQQ32s")
_ACKED = struct.Struct("<Q")
RECORD_BYTES = _RECORD.size
PAYLOAD_BYTES_MAX = 4 * 1024 * 1024


class Kind(IntEnum):
    """HEAD: what held when the segment was begun. ACKED: everything up to a number is decided."""

    HEAD = 1
    FRAME = 2
    ACKED = 3


class Mark(NamedTuple):
    """Where a stream stands: its last number, that frame's moment, meters and digest."""

    sequence: int = 0
    observed_at_ms: int = 0
    it_ws: int = 0
    facility_ws: int = 0
    digest: bytes = b""


class Place(NamedTuple):
    """Where the bytes of one frame stand in a segment."""

    sequence: int
    offset: int
    length: int


@dataclass(slots=True)
class Segment:
    """What one segment says; `end` is where its good records end, 0 where it has no HEAD."""

    mark: Mark = field(default_factory=Mark)
    acked: int = 0
    frames: list[Place] = field(default_factory=list)
    end: int = 0


def head_record(mark: Mark, acked: int) -> bytes:
    return _record(Kind.HEAD, _ACKED.pack(acked) + _mark_bytes(mark))


def frame_record(mark: Mark, frame: bytes) -> bytes:
    return _record(Kind.FRAME, _mark_bytes(mark) + frame)


def acked_record(through: int) -> bytes:
    return _record(Kind.ACKED, _ACKED.pack(through))


def place_of(record_offset: int, mark: Mark, frame: bytes) -> Place:
    """Where the frame of a record written at `record_offset` stands."""
    return Place(mark.sequence, record_offset + RECORD_BYTES + _MARK.size, len(frame))


def read_segment(data: bytes) -> Segment:
    """Every good record up to the first that is not."""
    found = Segment()
    while (record := _next(data, found.end)) is not None:
        kind, payload = record
        if (kind is Kind.HEAD) != (found.end == 0):
            break
        _apply(found, kind, payload)
        found.end += RECORD_BYTES + len(payload)
    return found


def _apply(found: Segment, kind: Kind, payload: bytes) -> None:
    if kind is Kind.FRAME:
        found.mark = _mark(payload)
        length = len(payload) - _MARK.size
        offset = found.end + RECORD_BYTES + _MARK.size
        found.frames.append(Place(found.mark.sequence, offset, length))
        return
    found.acked = max(found.acked, _ACKED.unpack_from(payload)[0])
    if kind is Kind.HEAD:
        found.mark = _mark(payload[_ACKED.size :])


_PAYLOAD_BYTES_MIN = {
    Kind.HEAD: _ACKED.size + _MARK.size,
    Kind.FRAME: _MARK.size,
    Kind.ACKED: _ACKED.size,
}


def _next(data: bytes, offset: int) -> tuple[Kind, bytes] | None:
    start = offset + RECORD_BYTES
    if start > len(data):
        return None
    length, crc, number = _RECORD.unpack_from(data, offset)
    if length > PAYLOAD_BYTES_MAX or start + length > len(data):
        return None
    payload = data[start : start + length]
    if crc32(payload, number) != crc or number not in iter(Kind):
        return None
    kind = Kind(number)
    return (kind, payload) if length >= _PAYLOAD_BYTES_MIN[kind] else None


def _record(kind: Kind, payload: bytes) -> bytes:
    return _RECORD.pack(len(payload), crc32(payload, kind), kind) + payload


def _mark_bytes(mark: Mark) -> bytes:
    return _MARK.pack(*mark)


def _mark(payload: bytes) -> Mark:
    sequence, observed_at_ms, it_ws, facility_ws, digest = _MARK.unpack_from(payload)
    return Mark(sequence, observed_at_ms, it_ws, facility_ws, digest if sequence else b"")
