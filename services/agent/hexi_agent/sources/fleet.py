"""Readings of a simulated site, cut into frames' worth of servers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from hexi.telemetry.v1 import telemetry_pb2 as pb
from numpy.typing import NDArray

from hexi_agent.domain.physics import Meters, SitePhysics, Values
from hexi_agent.sources import NO_METERS, SERVERS_PER_SAMPLE_MAX, Metric, Sample


class FleetSource:
    """Covers every server of the site; the server that is real is modelled and marked not good."""

    def __init__(self, physics: SitePhysics, servers: int, host: int) -> None:
        self._physics, self._servers = physics, servers
        self._good: NDArray[np.bool_] | None = None
        if host >= 0:
            self._good = np.ones(servers, np.bool_)
            self._good[host] = False

    def read(self, before: Meters, now_ms: int) -> Sequence[Sample]:
        seen = self._physics.step(before, now_ms)
        columns: dict[Metric, Values] = {
            pb.METRIC_POWER_W: seen.power_w,
            pb.METRIC_INLET_TEMPERATURE_C: seen.inlet_c,
            pb.METRIC_CPU_UTILISATION: seen.cpu,
            pb.METRIC_ACCELERATOR_UTILISATION: seen.accelerator,
        }
        return list(self._cut(columns, seen.meters))

    def _cut(self, columns: dict[Metric, Values], meters: Meters) -> Iterator[Sample]:
        for first in range(0, self._servers, SERVERS_PER_SAMPLE_MAX):
            end = min(self._servers, first + SERVERS_PER_SAMPLE_MAX)
            part = {metric: values[first:end] for metric, values in columns.items()}
            good = None if self._good is None else self._good[first:end]
            # The site's meters ride with its first servers only.
            yield Sample(first, end - first, part, good, NO_METERS if first else meters)
