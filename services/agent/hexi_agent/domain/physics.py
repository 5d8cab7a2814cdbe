"""A simulated site: utilisation follows the work, power follows utilisation, heat follows power."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hexi_agent.domain.layout import Layout
from hexi_agent.domain.load import Load, Share

Values = NDArray[np.float32]

# Work keeps what it asked for this busy; an idle server still turns over.
ACTIVITY = 0.85
IDLE_UTILISATION = 0.02
SUPPLY_C = 21.0
# Full power warms the air that a server breathes by this much, through leaks round the rack.
RECIRCULATION_C = 5.0
HEAT_LAG_S = 240.0
DAILY_SWING_C = 1.5
DAILY_SWING_PUE_MILLI = 25
WARMEST_HOUR = 15
DAY_MS = 86_400_000
ASIA_SHANGHAI_MS = 8 * 3_600_000
# Parts of the facility's energy, so that no more meters need to outlive a restart.
RENEWABLE_PPM = 520_000
WATER_ML_PER_KWH = 900
WS_PER_KWH = 3_600_000
# A meter runs on while its agent is down, but nobody knows for longer than this at what power.
BLIND_MS_MAX = 3_600_000


@dataclass(frozen=True, slots=True)
class Meters:
    """Cumulative, whole watt-seconds, as read at a moment; all zero where never read."""

    at_ms: int = 0
    it_ws: int = 0
    facility_ws: int = 0
    renewable_ws: int = 0
    water_ml: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every server of the site at one moment."""

    power_w: Values
    inlet_c: Values
    cpu: Values
    accelerator: Values
    meters: Meters


class SitePhysics:
    """All servers at once; the same seed, load and moments give the same readings."""

    def __init__(self, layout: Layout, load: Load, seed: int, pue_milli: int) -> None:
        self._cpu_milli = layout.column("cpu_milli").astype(np.float32)
        devices = layout.column("accelerators")
        self._device_milli = np.maximum(devices * 1_000, 1).astype(np.float32)
        self._idle_w = layout.column("idle_w").astype(np.float32)
        self._cpu_w = layout.column("cpu_dynamic_w").astype(np.float32)
        self._device_w = (layout.column("accelerator_dynamic_w") * devices).astype(np.float32)
        self._most_w = self._idle_w + self._cpu_w + self._device_w
        self._load, self._pue_milli = load, pue_milli
        self._dice = np.random.default_rng(seed)
        self._inlet_c: Values | None = None
        # Below a watt-second nothing is lost between two readings: micro-watt-seconds carry over.
        self._rest_it_uws = self._rest_facility_uws = 0

    def step(self, before: Meters, now_ms: int) -> Snapshot:
        """The site at `now_ms`; its meters have run on since `before` at today's power."""
        noise = self._dice.standard_normal(len(self._load), np.float32)
        asked = self._load.cpu_milli / self._cpu_milli
        cpu = np.clip(IDLE_UTILISATION + ACTIVITY * asked + 0.004 * noise, 0.0, 1.0)
        accelerator = np.clip(ACTIVITY * self._load.accelerator_milli / self._device_milli, 0, 1)
        power_w = self._idle_w + self._cpu_w * cpu + self._device_w * accelerator
        elapsed_ms = min(BLIND_MS_MAX, max(0, now_ms - before.at_ms)) if before.at_ms else 0
        inlet_c = self._warm(power_w / self._most_w, elapsed_ms, now_ms)
        return Snapshot(
            power_w.astype(np.float32),
            (inlet_c + 0.15 * noise).astype(np.float32),
            cpu.astype(np.float32),
            accelerator.astype(np.float32),
            self._meter(before, power_w, elapsed_ms, now_ms),
        )

    def watts_of(self, shares: Iterable[Share]) -> float:
        """The part of its servers' power that work with these shares causes."""
        watts = 0.0
        for server, cpu_milli, accelerator_milli in shares:
            if server < len(self._load):
                part = min(1.0, cpu_milli / float(self._cpu_milli[server]))
                watts += part * float(self._idle_w[server] + ACTIVITY * self._cpu_w[server])
                devices = accelerator_milli / float(self._device_milli[server])
                watts += min(1.0, devices) * ACTIVITY * float(self._device_w[server])
        return watts

    def _warm(self, busy: Values, elapsed_ms: int, now_ms: int) -> Values:
        target = SUPPLY_C + DAILY_SWING_C * warmth_of_day(now_ms) + RECIRCULATION_C * busy
        if self._inlet_c is None:
            self._inlet_c = target
        near = 1.0 - math.exp(-elapsed_ms / 1_000 / HEAT_LAG_S)
        self._inlet_c = self._inlet_c + near * (target - self._inlet_c)
        return self._inlet_c

    def _meter(self, before: Meters, power_w: Values, elapsed_ms: int, now_ms: int) -> Meters:
        # Milliwatts are whole from here on: a meter counts, it does not estimate.
        it_mw = int(np.rint(power_w.astype(np.float64) * 1_000).sum())
        it_uws = it_mw * elapsed_ms + self._rest_it_uws
        pue_milli = self._pue_milli + round(DAILY_SWING_PUE_MILLI * warmth_of_day(now_ms))
        facility_uws = it_mw * elapsed_ms * pue_milli // 1_000 + self._rest_facility_uws
        it_ws, self._rest_it_uws = divmod(it_uws, 1_000_000)
        facility_ws, self._rest_facility_uws = divmod(facility_uws, 1_000_000)
        # Never zero: zero means that a frame carries no meter.
        total_ws = max(1, before.facility_ws + facility_ws)
        return Meters(
            now_ms,
            max(1, before.it_ws + it_ws),
            total_ws,
            max(1, total_ws * RENEWABLE_PPM // 1_000_000),
            max(1, total_ws * WATER_ML_PER_KWH // WS_PER_KWH),
        )


def warmth_of_day(now_ms: int) -> float:
    """1 at the warmest hour in Gansu, -1 twelve hours from it."""
    day_share = ((now_ms + ASIA_SHANGHAI_MS) % DAY_MS) / DAY_MS
    return math.cos((day_share - WARMEST_HOUR / 24) * 2 * math.pi)
