"""Folds minutes into the points of a question: a regular grid, however many parts a minute has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexi_telemetry.domain.series import MINUTE_MS, Floats

POINTS_MAX = 10_000
POINTS_DEFAULT = 1_000
PPM = 1_000_000
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Grid:
    """Point i is of [from_ms + i * step_ms, …), the last one ends at `to_ms`."""

    from_ms: int
    to_ms: int
    step_ms: int

    @property
    def points(self) -> int:
        return -((self.from_ms - self.to_ms) // self.step_ms)


class Readings(NamedTuple):
    """Parts of minutes of one unit, in order of time; `servers` is how many the unit has."""

    start_ms: Integers
    servers: Integers
    covered_ms: Integers
    mean: Floats
    low: Floats
    high: Floats


_NO_TIMES, _NO_VALUES = np.zeros(0, np.int64), np.zeros(0)
NO_READINGS = Readings(_NO_TIMES, _NO_TIMES, _NO_TIMES, _NO_VALUES, _NO_VALUES, _NO_VALUES)


def least_step(from_ms: int, to_ms: int, points: int) -> int:
    """The least whole number of minutes that cuts the range into so many points."""
    return max(1, -((from_ms - to_ms) // (points * MINUTE_MS))) * MINUTE_MS


class Points:
    """One entry a point; `add` takes readings in any order, but a minute's parts together."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        count = grid.points
        self.servers = np.zeros(count, np.int64)
        self.revision = np.zeros(count, np.int64)
        self._covered_ms = np.zeros(count, np.int64)
        self._weighted = np.zeros(count)
        self._low = np.full(count, np.inf)
        self._high = np.full(count, -np.inf)

    def add(self, readings: Readings) -> None:
        if not readings.start_ms.size:
            return
        heard = readings.covered_ms > 0
        place = (readings.start_ms - self._grid.from_ms) // self._grid.step_ms
        np.maximum.at(self.servers, place, readings.servers)
        minutes, parts = np.unique(readings.start_ms, return_counts=True)
        points = (minutes - self._grid.from_ms) // self._grid.step_ms
        np.maximum.at(self.revision, points, parts)
        np.add.at(self._covered_ms, place, readings.covered_ms)
        np.add.at(self._weighted, place, readings.mean * readings.covered_ms)
        np.minimum.at(self._low, place[heard], readings.low[heard])
        np.maximum.at(self._high, place[heard], readings.high[heard])

    @property
    def mean(self) -> Floats:
        found = np.zeros(self._weighted.size)
        np.divide(self._weighted, self._covered_ms, out=found, where=self._covered_ms > 0)
        return found

    @property
    def low(self) -> Floats:
        return np.where(self._covered_ms > 0, self._low, 0.0)

    @property
    def high(self) -> Floats:
        return np.where(self._covered_ms > 0, self._high, 0.0)

    @property
    def coverage_ppm(self) -> Integers:
        grid = self._grid
        starts = grid.from_ms + np.arange(grid.points) * grid.step_ms
        width_ms = np.minimum(starts + grid.step_ms, grid.to_ms) - starts
        expected_ms = np.maximum(1, self.servers * width_ms)
        # As doubles: servers times a month in milliseconds times a million is beyond 64 bits.
        share: Floats = np.floor(self._covered_ms / expected_ms * PPM)
        return np.minimum(share, PPM).astype(np.int64)
