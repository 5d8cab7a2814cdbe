"""Records of a spool file that prove themselves: length, crc32, kind, payload."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple
from zlib import crc32

RECORD = struct.Struct("<IIB")
MARK = struct.Struct("<QqQQ32s")
ACKED = struct.Struct("<Q")


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


def head_record(mark: Mark, acked: int) -> bytes:
    return _record(Kind.HEAD, ACKED.pack(acked) + _mark_bytes(mark))


def frame_record(mark: Mark, frame: bytes) -> bytes:
    return _record(Kind.FRAME, _mark_bytes(mark) + frame)


def acked_record(through: int) -> bytes:
    return _record(Kind.ACKED, ACKED.pack(through))


def _record(kind: Kind, payload: bytes) -> bytes:
    return RECORD.pack(len(payload), crc32(payload, kind), kind) + payload


def _mark_bytes(mark: Mark) -> bytes:
    return MARK.pack(*mark)


def read_mark(payload: bytes) -> Mark:
    sequence, observed_at_ms, it_ws, facility_ws, digest = MARK.unpack_from(payload)
    return Mark(sequence, observed_at_ms, it_ws, facility_ws, digest if sequence else b"")
