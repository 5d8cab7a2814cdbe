"""Columns of all servers as samples, and what no sensor can mean taken out of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hexi_agent.domain.physics import Meters
from hexi_agent.domain.readings import METRICS
from hexi_agent.domain.reckoning import Floats
from hexi_agent.sources import NO_METERS, SERVERS_PER_SAMPLE_MAX, Sample

Mask = NDArray[np.bool_]
OF_NUMBER = {one.number: one for one in METRICS.values()}
POWER_W = METRICS["power_w"].number


def in_range(metric: int, values: Floats) -> tuple[Floats, int]:
    """Values clipped to what the metric can be, those beyond any rounding left out and counted."""
    wanted = OF_NUMBER[metric]
    with np.errstate(invalid="ignore"):
        outside = (values < wanted.low - wanted.slack) | (values > wanted.high + wanted.slack)
    kept = np.where(outside, np.nan, values)
    return np.clip(kept, wanted.low, wanted.high), int(np.count_nonzero(outside))


def cut(columns: Mapping[int, Floats], servers: int, meters: Meters) -> list[Sample]:
    """Frames' worth of servers; not a number where nothing fresh is known.

    Where power is measured, a server without it is not good, so that sums of power stay honest;
    elsewhere a server is good if anything of it is known.
    """
    samples = list[Sample]()
    for first in range(0, servers, SERVERS_PER_SAMPLE_MAX):
        end = min(servers, first + SERVERS_PER_SAMPLE_MAX)
        part = {
            metric: values[first:end].astype("<f4")
            for metric, values in columns.items()
            if np.isfinite(values[first:end]).any()
        }
        if not part:
            continue
        telling = [part[POWER_W]] if POWER_W in part else list(part.values())
        good: Mask = np.any(np.isfinite(telling), axis=0)
        # The site's meters ride with one sample only.
        carried = NO_METERS if samples else meters
        samples.append(Sample(first, end - first, part, good, carried))
    return samples
