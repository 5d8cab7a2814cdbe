"""Summaries as bytes: whole multiples of a resolution, their bytes sorted by weight, in zstd.

A section holds the four columns of 256 units, so that a question for one unit reads little. Sorted
by weight the upper bytes, nearly all zero, stand together and cost nothing.
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

SECTION_UNITS = 256
# The least effort: more finds little in readings.
_EFFORT = 1
_COLUMNS = 4
Integers = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Block:
    """All sections of all metrics one after the other; `ends` says where each ends."""

    units: int
    metrics: list[int]
    ends: list[int]
    data: bytes


def pack(level: Level, summaries: Mapping[Metric, Summary]) -> Block:
    """One level of a closed minute."""
    compress = zstandard.ZstdCompressor(level=_EFFORT).compress
    pieces: list[bytes] = []
    units = 0
    for metric in sorted(summaries):
        integers = _integers(level, metric, summaries[metric])
        units = integers.shape[1]
        planes = integers.view(np.uint8).reshape(_COLUMNS, units, -1).transpose(0, 2, 1)
        for start in range(0, units, SECTION_UNITS):
            pieces.append(compress(planes[:, :, start : start + SECTION_UNITS].tobytes()))
    ends = np.cumsum([len(piece) for piece in pieces]).tolist()
    return Block(units, [int(metric) for metric in sorted(summaries)], ends, b"".join(pieces))


def unpack(level: Level, metric: Metric, place: int, sections: Sequence[bytes]) -> Summary:
    """The unit at `place` of equally large sections, one entry a section."""
    item = _dtype(level).itemsize
    expand = zstandard.ZstdDecompressor().decompress
    whole = np.frombuffer(b"".join(map(expand, sections)), np.uint8)
    planes = whole.reshape(len(sections), _COLUMNS, item, -1)[..., place]
    columns = np.ascontiguousarray(planes).view(_dtype(level))[..., 0].astype(np.int64)
    step = resolution(metric, level)
    covered_ms, mean, below, above = columns.T
    return Summary(covered_ms, mean * step, (mean - below) * step, (mean + above) * step)


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
