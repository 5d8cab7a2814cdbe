"""What is kept of readings: three levels, by the minute, in whole multiples of a resolution."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from hexi_telemetry.domain.frame import Metric

MINUTE_MS = 60_000
DAY_MS = 86_400_000
# By unit, which a metric's name ends with: no sensor of a server is finer than this.
_SENSOR = {"W": 0.1, "C": 0.1, "UTILISATION": 0.001, "S": 1_000.0, "RPM": 1.0}
# A mean of many servers says more than each of them.
_FINER = 1_000
Floats = NDArray[np.float64]


class Level(IntEnum):
    """Of whom a value is."""

    SITE = 1
    RACK = 2
    SERVER = 3


@dataclass(frozen=True, slots=True)
class Summary:
    """One metric over a minute, one entry a unit; zeros where a unit was not heard.

    `covered_ms` is the time its readings speak for, and the weight of its mean.
    """

    covered_ms: NDArray[np.int64]
    mean: Floats
    low: Floats
    high: Floats


def resolution(metric: Metric, level: Level) -> float:
    sensor = _SENSOR[metric.name.rpartition("_")[2]]
    return sensor if level is Level.SERVER else sensor / _FINER


def minute_of(observed_at_ms: int) -> int:
    """A reading speaks of the time before it, so a full minute's reading is of the old minute."""
    return (observed_at_ms - 1) // MINUTE_MS * MINUTE_MS
