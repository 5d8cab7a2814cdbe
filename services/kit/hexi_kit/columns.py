"""Columns of numbers as bytes: binary32, or 16 bit fixed point, either of them through zstd.

Reading is strict and bounded by what the reader expects: nothing is allocated on a sender's word.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import zstandard
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

NO_READING = 65_535
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_WIDTHS = {0: 4, 1: 2}
# The least that makes unpacking worth its time.
_WORTH_PERCENT = 90


class Encoding(IntEnum):
    """Numbers are those of the wire."""

    FLOAT32 = 0
    FIXED16 = 1


class Packed(NamedTuple):
    """A column as it travels; `values_bytes` is its size before zstd, 0 where it is as it is."""

    values: bytes
    encoding: int = Encoding.FLOAT32
    scale: float = 0.0
    offset: float = 0.0
    values_bytes: int = 0


class BadColumn(ValueError):
    """The bytes are no column of that many values; the text says what was expected."""


def pack(values: Floats) -> Packed:
    """As they are, or through zstd where that pays."""
    return _squeezed(values.astype("<f4", copy=False).tobytes(), Packed(b""))


def pack_fixed(
    values: Floats, step: float, offset: float = 0.0, good: Flags | None = None
) -> Packed:
    """Rounded to whole steps, so to within half a step; binary32 where they do not fit in.

    What is not a number is no reading; what is not `good` and does not fit becomes none.
    """
    scale, base = np.float32(step), np.float32(offset)
    raw = np.rint((values.astype(np.float64) - float(base)) / float(scale))
    fits = (raw >= 0) & (raw < NO_READING)
    is_hole = np.isnan(raw) if good is None else np.isnan(raw) | ~good
    if not (fits | is_hole).all():
        return pack(values)
    raw[~fits] = NO_READING
    head = Packed(b"", Encoding.FIXED16, float(scale), float(base))
    return _squeezed(raw.astype("<u2").tobytes(), head)


def unpack(packed: Packed, count: int) -> Floats:
    """The `count` values of a column; no reading is NaN.

    Raises:
        BadColumn: anything else than exactly so many values.
    """
    width = _WIDTHS.get(packed.encoding)
    if width is None:
        raise BadColumn(f"expected a known encoding, was {packed.encoding}")
    _check_line(packed)
    data, size = packed.values, count * width
    if packed.values_bytes:
        data = _unzipped(packed, size)
    if len(data) != size:
        raise BadColumn(f"expected {size} bytes, was {len(data)}")
    if packed.encoding == Encoding.FLOAT32:
        return np.frombuffer(data, np.dtype("<f4"))
    raw = np.frombuffer(data, np.dtype("<u2"))
    values: Floats = raw.astype(np.float32)
    values *= np.float32(packed.scale)
    values += np.float32(packed.offset)
    values[raw == NO_READING] = np.nan
    return values


def _squeezed(data: bytes, head: Packed) -> Packed:
    smaller = zstandard.ZstdCompressor(level=1).compress(data)
    if len(smaller) * 100 <= len(data) * _WORTH_PERCENT:
        return head._replace(values=smaller, values_bytes=len(data))
    return head._replace(values=data)


def _check_line(packed: Packed) -> None:
    """A line of fixed point must climb and stay finite; binary32 has none."""
    scale, offset = packed.scale, packed.offset
    if packed.encoding == Encoding.FLOAT32:
        if scale or offset:
            raise BadColumn(f"expected no scale and offset, was {scale:g} and {offset:g}")
        return
    if not (math.isfinite(scale) and math.isfinite(offset) and scale > 0):
        raise BadColumn(f"expected a scale above 0 and an offset, was {scale:g} and {offset:g}")
    if abs(offset) + scale * NO_READING > _FLOAT32_MAX:
        raise BadColumn(f"expected values that are finite, was scale {scale:g}")


def _unzipped(packed: Packed, size: int) -> bytes:
    if packed.values_bytes != size:
        raise BadColumn(f"expected values_bytes {size}, was {packed.values_bytes}")
    try:
        told = zstandard.get_frame_parameters(packed.values)
        # The library allocates what the frame's own head says: it must say what we expect.
        if told.content_size != size:
            raise BadColumn(f"expected {size} bytes in zstd, was {told.content_size}")
        return zstandard.ZstdDecompressor().decompress(packed.values, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise BadColumn(f"expected zstd, was {len(packed.values)} bytes of garbage") from error
