"""Summaries as bytes: whole multiples of a resolution, their bytes sorted by weight, in zstd.

A section holds the four columns of some units, so that a question for one unit reads little; it is
empty where none was heard. Sorted by weight the upper bytes, nearly all zero, cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from hexi_telemetry.domain.frame import Metric
from hexi_telemetry.domain.series import Floats, Level, Summary, resolution

# A question for a rack reads an eighth for it. Those of servers stay large: smaller ones answer no
# faster, for to find a block costs as much as to read it, and they cost more to write and to keep.
SECTION_UNITS = {Level.SITE: 1, Level.RACK: 32, Level.SERVER: 256}
# The least effort: more finds little in readings.
_EFFORT = 1
_COLUMNS = 4
# More bytes than these at a time are fetched anew from the system by every question.
_AT_ONCE = 32
Integers = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Block:
    """All sections of all metrics one after the other; `ends` says where each ends."""

    units: int
    section_units: int
    metrics: list[int]
    ends: list[int]
    data: bytes


def pack(level: Level, summaries: Mapping[Metric, Summary]) -> Block:
    """One level of a closed minute."""
    compress = zstandard.ZstdCompressor(level=_EFFORT).compress
    pieces: list[bytes] = []
    units, section_units = 0, SECTION_UNITS[level]
    for metric in sorted(summaries):
        integers = _integers(level, metric, summaries[metric])
        units = integers.shape[1]
        planes = integers.view(np.uint8).reshape(_COLUMNS, units, -1).transpose(0, 2, 1)
        for start in range(0, units, section_units):
            part = slice(start, start + section_units)
            is_heard = integers[0, part].any()
            pieces.append(compress(planes[:, :, part].tobytes()) if is_heard else b"")
    ends = np.cumsum([len(piece) for piece in pieces]).tolist()
    metrics = [int(metric) for metric in sorted(summaries)]
    return Block(units, section_units, metrics, ends, b"".join(pieces))


@dataclass(frozen=True, slots=True)
class Unpacking:
    """Whose sections they are: the unit at `place` of blocks and sections of so many units."""

    level: Level
    metric: Metric
    units: int
    section_units: int
    place: int

    @property
    def count(self) -> int:
        """Of units in this section; the last of a block is shorter."""
        before = self.place // self.section_units * self.section_units
        return min(self.section_units, self.units - before)


def unpack(of: Unpacking, sections: Sequence[bytes]) -> Summary:
    """One entry a section."""
    starts = range(0, len(sections), _AT_ONCE)
    own = np.concatenate([_own(of, sections[start : start + _AT_ONCE]) for start in starts])
    step = resolution(of.metric, of.level)
    covered_ms, mean, below, above = own.astype(np.int64).T
    return Summary(covered_ms, mean * step, (mean - below) * step, (mean + above) * step)


def _own(of: Unpacking, sections: Sequence[bytes]) -> Integers:
    """The columns of the unit, a row a section."""
    dtype, count = _dtype(of.level), of.count
    expand = zstandard.ZstdDecompressor().decompress
    unheard = bytes(_COLUMNS * dtype.itemsize * count)
    whole = b"".join(expand(section) if section else unheard for section in sections)
    bytes_of = np.frombuffer(whole, np.uint8)
    planes = bytes_of.reshape(len(sections), _COLUMNS, dtype.itemsize, count)
    own = np.ascontiguousarray(planes[..., of.place % of.section_units])
    return own.view(dtype)[..., 0]


def _integers(level: Level, metric: Metric, summary: Summary) -> Integers:
    step = resolution(metric, level)

    def multiples(values: Floats) -> Floats:
        return np.rint(values / step)

    mean = multiples(summary.mean)
    below, above = mean - multiples(summary.low), multiples(summary.high) - mean
    dtype = _dtype(level)
    # An agent that says a reading speaks for hours may say so every millisecond.
    covered_ms = np.minimum(summary.covered_ms, np.iinfo(dtype).max)
    return np.stack([covered_ms, mean, below, above]).astype(dtype)


def _dtype(level: Level) -> np.dtype[Any]:
    """A server's day fits 32 bits; a site's does not."""
    return np.dtype("<i4" if level is Level.SERVER else "<i8")
