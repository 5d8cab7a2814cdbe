"""What the frames of one site said of one quarter of an hour; order of arrival does not matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hexi_telemetry.domain.frame import Frame, Metric

QUARTER_MS = 900_000


class Reading(NamedTuple):
    """The site's cumulative meters at one moment, watt-seconds."""

    at_ms: int
    facility_ws: int
    it_ws: int


@dataclass(frozen=True, slots=True)
class Quarter:
    """Sums and ends; `power_uws` is server power over time in micro-watt-seconds."""

    site_id: str
    start_ms: int
    frames: int = 0
    power_uws: int = 0
    covered_server_ms: int = 0
    servers: int = 0
    first: Reading | None = None
    last: Reading | None = None


def quarter_of(frame: Frame, servers: int) -> Quarter:
    """One frame alone. It speaks of the period before its moment, so a full hour's frame is old."""
    start_ms = (frame.observed_at_ms - 1) // QUARTER_MS * QUARTER_MS
    reading = None
    if frame.facility_energy_ws:
        reading = Reading(frame.observed_at_ms, frame.facility_energy_ws, frame.it_energy_ws)
    return Quarter(
        frame.site_id,
        start_ms,
        1,
        power_mw(frame) * frame.period_ms,
        frame.good_count * frame.period_ms,
        servers,
        reading,
        reading,
    )


def power_mw(frame: Frame) -> int:
    """Milliwatts of all good readings, each rounded once: energy is added in integers."""
    watts = frame.columns.get(Metric.POWER_W)
    if watts is None:
        return 0
    if frame.good is not None:
        watts = watts[frame.good]
    return int(np.rint(watts.astype(np.float64) * 1000.0).astype(np.int64).sum())


def merge(one: Quarter, other: Quarter) -> Quarter:
    """Both together; commutative and associative."""
    firsts = [q.first for q in (one, other) if q.first is not None]
    lasts = [q.last for q in (one, other) if q.last is not None]
    return Quarter(
        one.site_id,
        one.start_ms,
        one.frames + other.frames,
        one.power_uws + other.power_uws,
        one.covered_server_ms + other.covered_server_ms,
        max(one.servers, other.servers),
        min(firsts, default=None),
        max(lasts, default=None),
    )
