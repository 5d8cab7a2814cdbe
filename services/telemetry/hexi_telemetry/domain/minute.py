"""Gathers the readings of one minute of one site; the order of arrival does not matter."""

from __future__ import annotations

import numpy as np

from hexi_telemetry.domain.frame import FloatColumn, Frame, Mask, Metric
from hexi_telemetry.domain.layout import Layout
from hexi_telemetry.domain.series import Floats, Level, Summary

Levels = dict[Level, dict[Metric, Summary]]


class Minute:
    """Grows by frames of one server set until it is closed."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._gathered: dict[Metric, _Gathered] = {}

    @property
    def cells(self) -> int:
        """How much memory it takes, in readings."""
        return self._layout.servers * len(self._gathered)

    def add(self, frame: Frame) -> None:
        place = slice(frame.first_server, frame.first_server + frame.count)
        for metric, values in frame.columns.items():
            gathered = self._gathered.get(metric)
            if gathered is None:
                gathered = self._gathered[metric] = _Gathered(self._layout.servers)
            gathered.add(place, values, frame.good, frame.period_ms)

    def close(self) -> Levels:
        """What its servers said, and from the same readings its racks and the site."""
        found: Levels = {level: {} for level in Level}
        for metric in sorted(self._gathered):
            gathered = self._gathered[metric]
            found[Level.SERVER][metric] = gathered.summary()
            racks = gathered.by_rack(self._layout)
            found[Level.RACK][metric] = racks.summary()
            found[Level.SITE][metric] = racks.together().summary()
        return found


class _Gathered:
    """Sums of one metric, one entry a unit; doubles, for a day of bytes a second is large."""

    __slots__ = ("covered_ms", "high", "low", "weighted")

    def __init__(self, units: int) -> None:
        self.weighted: Floats = np.zeros(units)
        self.covered_ms = np.zeros(units, np.int64)
        self.low = np.full(units, np.inf, np.float32)
        self.high = np.full(units, -np.inf, np.float32)

    def add(self, place: slice, values: FloatColumn, good: Mask | None, period_ms: int) -> None:
        heard = np.isfinite(values)
        if good is not None:
            heard &= good
        where: Mask | bool = True if heard.all() else heard
        kept, low, high = self.weighted[place], self.low[place], self.high[place]
        covered_ms = self.covered_ms[place]
        np.add(kept, values * np.float64(period_ms), out=kept, where=where)
        np.add(covered_ms, period_ms, out=covered_ms, where=where)
        np.minimum(low, values, out=low, where=where)
        np.maximum(high, values, out=high, where=where)

    def by_rack(self, layout: Layout) -> _Gathered:
        racks = _Gathered(layout.racks)
        order, starts, filled = layout.order, layout.starts, layout.filled
        racks.weighted[filled] = np.add.reduceat(self.weighted[order], starts)
        racks.covered_ms[filled] = np.add.reduceat(self.covered_ms[order], starts)
        racks.low[filled] = np.minimum.reduceat(self.low[order], starts)
        racks.high[filled] = np.maximum.reduceat(self.high[order], starts)
        return racks

    def together(self) -> _Gathered:
        whole = _Gathered(1)
        whole.weighted[0], whole.covered_ms[0] = self.weighted.sum(), self.covered_ms.sum()
        whole.low[0], whole.high[0] = self.low.min(), self.high.max()
        return whole

    def summary(self) -> Summary:
        is_heard = self.covered_ms > 0
        mean = np.zeros(is_heard.size)
        np.divide(self.weighted, self.covered_ms, out=mean, where=is_heard)
        low = np.where(is_heard, self.low, 0.0).astype(np.float64)
        high = np.where(is_heard, self.high, 0.0).astype(np.float64)
        return Summary(self.covered_ms, mean, low, high)
