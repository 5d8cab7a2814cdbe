"""Reads a spool file: records, the first of them a HEAD.

Whatever does not add up ends the segment: a torn tail is cut, never repaired.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple
from zlib import crc32

from hexi_agent.domain.spool_record import ACKED, MARK, RECORD, Kind, Mark, read_mark

RECORD_BYTES = RECORD.size
PAYLOAD_BYTES_MAX = 4 * 1024 * 1024


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


def place_of(record_offset: int, mark: Mark, frame: bytes) -> Place:
    """Where the frame of a record written at `record_offset` stands."""
    return Place(mark.sequence, record_offset + RECORD_BYTES + MARK.size, len(frame))


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
        found.mark = read_mark(payload)
        length = len(payload) - MARK.size
        offset = found.end + RECORD_BYTES + MARK.size
        found.frames.append(Place(found.mark.sequence, offset, length))
        return
    found.acked = max(found.acked, ACKED.unpack_from(payload)[0])
    if kind is Kind.HEAD:
        found.mark = read_mark(payload[ACKED.size :])


_PAYLOAD_BYTES_MIN = {
    Kind.HEAD: ACKED.size + MARK.size,
    Kind.FRAME: MARK.size,
    Kind.ACKED: ACKED.size,
}


def _next(data: bytes, offset: int) -> tuple[Kind, bytes] | None:
    start = offset + RECORD_BYTES
    if start > len(data):
        return None
    length, crc, number = RECORD.unpack_from(data, offset)
    if length > PAYLOAD_BYTES_MAX or start + length > len(data):
        return None
    payload = data[start : start + length]
    if crc32(payload, number) != crc or number not in iter(Kind):
        return None
    kind = Kind(number)
    return (kind, payload) if length >= _PAYLOAD_BYTES_MIN[kind] else None
