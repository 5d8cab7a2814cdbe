"""Energy and PUE of an interval, from meters where they are sound, else from server power."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from hexi_telemetry.domain.quarter import QUARTER_MS, Quarter, Reading

HOUR_MS = 4 * QUARTER_MS
WIDTHS_MS = (QUARTER_MS, HOUR_MS)
PPM = 1_000_000
# Revenue meters are of class 1: one per cent either way.
METER_ERROR_PPM = 10_000
BY_METER = "facility-meter/it-meter"
BY_SERVERS = "facility-meter/server-power"
ONLY_SERVERS = "server-power"
# Where IT energy is measured: 1 at the UPS output, 3 at the input of the servers.
CATEGORY = {BY_METER: 1, BY_SERVERS: 3, ONLY_SERVERS: 3}


@dataclass(frozen=True, slots=True)
class Pue:
    """Thousandths, with the bounds the meters' class and the coverage leave."""

    value_milli: int
    low_milli: int
    high_milli: int
    category: int


@dataclass(frozen=True, slots=True)
class Rollup:
    """What is known of [start, end) of a site, without its revision."""

    site_id: str
    start_ms: int
    end_ms: int
    it_energy_ws: int
    facility_energy_ws: int
    pue: Pue | None
    coverage_ppm: int
    boundary: str
    frames: int


def roll_up(start_ms: int, width_ms: int, quarters: Sequence[Quarter]) -> Rollup | None:
    """`quarters` in order, with the neighbours on both sides where there are any."""
    end_ms = start_ms + width_ms
    inside = [q for q in quarters if start_ms <= q.start_ms < end_ms]
    if not inside:
        return None
    servers = max(q.servers for q in inside)
    covered = sum(q.covered_server_ms for q in inside)
    coverage_ppm = min(PPM, covered * PPM // max(1, servers * width_ms))
    power_ws = sum(q.power_uws for q in inside) // 1_000_000
    near = [q for q in quarters if start_ms - QUARTER_MS <= q.start_ms <= end_ms]
    facility_ws, metered_ws = _metered(start_ms, end_ms, near)
    boundary = BY_METER if metered_ws else BY_SERVERS if facility_ws else ONLY_SERVERS
    it_ws = metered_ws or power_ws
    return Rollup(
        inside[0].site_id,
        start_ms,
        end_ms,
        it_ws,
        facility_ws,
        _pue(facility_ws, it_ws, coverage_ppm, boundary),
        coverage_ppm,
        boundary,
        sum(q.frames for q in inside),
    )


def _metered(start_ms: int, end_ms: int, quarters: Sequence[Quarter]) -> tuple[int, int]:
    """Energy between the two ends by the meters; zeros where a meter ran backwards."""
    readings = sorted({r for q in quarters for r in (q.first, q.last) if r is not None})
    for before, after in pairwise(readings):
        if after.facility_ws < before.facility_ws or after.it_ws < before.it_ws:
            return 0, 0
    if len(readings) < 2:
        return 0, 0
    start, end = _at(start_ms, readings), _at(end_ms, readings)
    return end.facility_ws - start.facility_ws, end.it_ws - start.it_ws


def _at(moment_ms: int, readings: Sequence[Reading]) -> Reading:
    """The meters at a moment: between two readings on a straight line, never beyond the ends."""
    for before, after in pairwise(readings):
        if before.at_ms <= moment_ms <= after.at_ms and before.at_ms < after.at_ms:
            part, whole = moment_ms - before.at_ms, after.at_ms - before.at_ms
            facility_ws = (after.facility_ws - before.facility_ws) * part // whole
            it_ws = (after.it_ws - before.it_ws) * part // whole
            return Reading(moment_ms, before.facility_ws + facility_ws, before.it_ws + it_ws)
    return readings[0] if moment_ms < readings[0].at_ms else readings[-1]


def _pue(facility_ws: int, it_ws: int, coverage_ppm: int, boundary: str) -> Pue | None:
    if not facility_ws or not it_ws:
        return None
    it_most_ws = it_ws
    if boundary == BY_SERVERS and coverage_ppm:
        # Servers that were not heard used power too: at most as much as those that were.
        it_most_ws = it_ws * PPM // coverage_ppm
    low, high = PPM - METER_ERROR_PPM, PPM + METER_ERROR_PPM
    return Pue(
        _milli(facility_ws, it_most_ws),
        _milli(facility_ws * low, it_most_ws * high),
        _milli(facility_ws * high, it_ws * low),
        CATEGORY[boundary],
    )


def _milli(facility: int, it: int) -> int:
    return (facility * 1_000 + it // 2) // it
