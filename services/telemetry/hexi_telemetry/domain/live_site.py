"""What one site said last, as arrays by server: written by every frame, read by `live`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hexi_telemetry.domain.facts import ServerSetFacts
from hexi_telemetry.domain.frame import FloatColumn, Frame, Metric
from hexi_telemetry.domain.layout import Layout

# A server that missed this many periods is not heard any more.
FRESH_PERIODS = 3
KEPT = (
    Metric.POWER_W,
    Metric.INLET_TEMPERATURE_C,
    Metric.CPU_UTILISATION,
    Metric.ACCELERATOR_UTILISATION,
)


@dataclass(slots=True)
class Meter:
    at_ms: int = 0
    facility_ws: int = 0
    it_ws: int = 0
    facility_w: float | None = None
    it_w: float | None = None

    def hear(self, frame: Frame) -> None:
        if not frame.facility_energy_ws or frame.observed_at_ms <= self.at_ms:
            return
        elapsed_s = (frame.observed_at_ms - self.at_ms) / 1_000
        facility_ws = frame.facility_energy_ws - self.facility_ws
        it_ws = frame.it_energy_ws - self.it_ws
        # The first reading has no predecessor, and a meter that ran backwards was reset.
        is_sound = bool(self.at_ms) and facility_ws >= 0 and it_ws >= 0
        self.facility_w = facility_ws / elapsed_s if is_sound else None
        self.it_w = it_ws / elapsed_s if is_sound and frame.it_energy_ws else None
        self.at_ms = frame.observed_at_ms
        self.facility_ws, self.it_ws = frame.facility_energy_ws, frame.it_energy_ws


@dataclass(slots=True)
class SiteState:
    """Arrays by dense index of one server set revision."""

    server_set: ServerSetFacts
    at_ms: NDArray[np.int64]
    columns: dict[Metric, FloatColumn]
    layout: Layout
    period_ms: int = 0
    meter: Meter = field(default_factory=Meter)

    def hear(self, frame: Frame) -> None:
        place = slice(frame.first_server, frame.first_server + frame.count)
        at_ms = self.at_ms[place]
        # A late frame out of a spool is history, not now.
        if at_ms.size != frame.count or frame.observed_at_ms <= at_ms.max():
            return
        self.period_ms = frame.period_ms
        good = frame.good
        np.copyto(at_ms, frame.observed_at_ms, where=True if good is None else good)
        for metric, kept in self.columns.items():
            values = frame.columns.get(metric)
            new = np.float32(np.nan) if values is None else values
            np.copyto(kept[place], new, where=True if good is None else good)
        self.meter.hear(frame)

    def fresh(self, now_ms: int) -> NDArray[np.bool_]:
        return self.at_ms >= max(1, now_ms - FRESH_PERIODS * self.period_ms)

    def silent_racks(self, now_ms: int) -> list[str]:
        """Racks of which no server is heard any more."""
        layout = self.layout
        if not layout.servers:
            return []
        heard = np.logical_or.reduceat(self.fresh(now_ms)[layout.order], layout.starts)
        return [self.server_set.racks[rack] for rack in layout.filled[~heard]]


def empty_site(server_set: ServerSetFacts, meter: Meter) -> SiteState:
    layout = Layout.of(server_set)
    return SiteState(
        server_set,
        np.zeros(layout.servers, np.int64),
        {metric: np.full(layout.servers, np.nan, np.float32) for metric in KEPT},
        layout,
        meter=meter,
    )
