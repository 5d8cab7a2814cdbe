"""Remembers what one server drew, as its own source read it, for the windows of a benchmark."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from hexi.telemetry.v1 import telemetry_pb2 as pb
from hexi_kit.clock import Clock

from hexi_agent.domain.physics import Meters
from hexi_agent.sources import Sample, Source

READINGS_MAX = 1_000
MILLI = 1_000


class PowerMemory:
    """A reading speaks of the time since the one before it; dated by the machine's own clock."""

    def __init__(self, server: int, real_clock: Clock) -> None:
        self._server, self._clock = server, real_clock
        self._readings: deque[tuple[int, int, float]] = deque(maxlen=READINGS_MAX)
        self._last_ms = 0

    def hear(self, samples: Sequence[Sample]) -> None:
        now_ms = self._clock.now_ms()
        for sample in samples:
            place = self._server - sample.first_server
            watts = sample.columns.get(pb.METRIC_POWER_W)
            if watts is None or not 0 <= place < sample.count:
                continue
            if sample.good is None or sample.good[place]:
                self._readings.append((self._last_ms, now_ms, float(watts[place])))
                self._last_ms = now_ms

    def mean_mw(self, from_ms: int, to_ms: int) -> int:
        """Of the readings that lie wholly inside; 0 where none does."""
        inside = [watts for since, at, watts in self._readings if from_ms <= since and at <= to_ms]
        return round(sum(inside) / len(inside) * MILLI) if inside else 0


class RememberedSource:
    """A source whose readings are also remembered."""

    def __init__(self, source: Source, memory: PowerMemory) -> None:
        self._source, self._memory = source, memory

    def read(self, before: Meters, now_ms: int) -> Sequence[Sample]:
        samples = self._source.read(before, now_ms)
        self._memory.hear(samples)
        return samples
