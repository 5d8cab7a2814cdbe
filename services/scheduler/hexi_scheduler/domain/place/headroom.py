"""How many more replicas each rack can feed: its limit, less what is measured and what was placed.

What was placed lately draws its power soon, or already in part: an estimate of it fades, minute by
minute, while the measurement takes over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from hexi_scheduler.domain.keep import HeadroomRules
from hexi_scheduler.domain.layout import Ints, Layout
from hexi_scheduler.domain.placement import Placement
from hexi_scheduler.domain.workload import Demand

MINUTE_MS = 60_000
UNBOUNDED = np.iinfo(np.int64).max


class RackBudget:
    """A function of what was measured and of the live placements, in whichever order they came."""

    def __init__(
        self,
        layout: Layout,
        rules: HeadroomRules,
        measured_w: Mapping[str, int],
        live: Iterable[Placement],
    ) -> None:
        self._layout, self._rules = layout, rules
        self._minutes = max(1, rules.fade_ms // MINUTE_MS)
        self._placed_w: dict[int, Ints] = {}  # by minute, then rack
        self.measure(measured_w)
        for placement in live:
            self.count(placement, 1)

    def measure(self, measured_w: Mapping[str, int]) -> None:
        """A rack without a limit, or never measured, bears any load."""
        layout = self._layout
        known = np.array([rack in measured_w for rack in layout.racks], np.bool_)
        self._bounded = known & (layout.limit_w > 0)
        measured = np.array([measured_w.get(rack, 0) for rack in layout.racks], np.int64)
        self._free_w = layout.limit_w * self._rules.load_milli // 1_000 - measured

    def count(self, placement: Placement, sign: int) -> None:
        minute, racks = placement.placed_at_ms // MINUTE_MS, self._layout.rack_of
        asked = placement.workload.demand.resources
        watts = sign * self._rules.power_w_of(placement.class_id, asked)
        placed = self._placed_w.get(minute)
        if placed is None:
            placed = self._placed_w[minute] = np.zeros(len(self._layout.racks), np.int64)
        for part in placement.allocations:
            if part.server < len(racks):
                placed[racks[part.server]] += watts

    def left(self, demand: Demand, at_ms: int) -> Ints | None:
        """Replicas that each rack still bears; None where none of them has a bound."""
        if not self._bounded.any():
            return None
        accepted = [c for c in self._layout.classes if demand.accepts_class(c)]
        of_class = (self._rules.power_w_of(c, demand.resources) for c in accepted)
        replica_w = max(1, max(of_class, default=0))
        left = np.maximum(0, self._free_w - self._expected_w(at_ms)) // replica_w
        return np.where(self._bounded, left, UNBOUNDED)

    def _expected_w(self, at_ms: int) -> Ints:
        expected = np.zeros(len(self._layout.racks), np.int64)
        for minute in sorted(self._placed_w):
            left = self._minutes - (at_ms // MINUTE_MS - minute)
            if left > 0:
                expected += self._placed_w[minute] * min(left, self._minutes) // self._minutes
            elif left < -self._minutes:
                del self._placed_w[minute]
        return expected
