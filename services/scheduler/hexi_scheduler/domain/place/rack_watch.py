"""What racks with a limit draw, as frames tell it; said only when it moved by enough."""

from __future__ import annotations

import numpy as np

from hexi_scheduler.domain.closures import RackPower
from hexi_scheduler.domain.layout import Layout
from hexi_scheduler.domain.place.closure_commands import MeasureRacks
from hexi_scheduler.domain.place.conditions import Readings


class RackWatch:
    """Soft state of one site: the newest power of each server, and what was told of each rack."""

    def __init__(self, layout: Layout, told: tuple[RackPower, ...], told_milli: int) -> None:
        self._layout = layout
        self._step_w = np.maximum(1, layout.limit_w * told_milli // 1_000)
        self._power_w = np.full(len(layout.rack_of), np.nan, np.float32)
        known = dict(told)
        self._told_w = np.array([known.get(rack, -1) for rack in layout.racks], np.int64)
        self._limited = layout.limit_w > 0

    def hear(self, frame: Readings) -> None:
        """Bad readings leave what was known."""
        if frame.power_w is None or not self._limited.any():
            return
        first = frame.first_server
        count = min(len(frame.good), max(0, len(self._power_w) - first))
        span = self._power_w[first : first + count]
        np.copyto(span, frame.power_w[:count], where=frame.good[:count])

    def look(self, now_ms: int) -> MeasureRacks | None:
        """Racks whose servers were all heard, and whose power is not as it was told."""
        if not self._limited.any():
            return None
        layout = self._layout
        heard = np.isfinite(self._power_w)
        unheard = np.bincount(layout.rack_of, ~heard, len(layout.racks))
        drawn = np.where(heard, self._power_w, 0)
        power_w = np.rint(np.bincount(layout.rack_of, drawn, len(layout.racks))).astype(np.int64)
        moved = (self._told_w < 0) | (np.abs(power_w - self._told_w) >= self._step_w)
        news = np.flatnonzero(self._limited & (unheard == 0) & moved)
        if not len(news):
            return None
        self._told_w[news] = power_w[news]
        racks = tuple(RackPower(layout.racks[n], int(power_w[n])) for n in news)
        return MeasureRacks(racks, now_ms)
