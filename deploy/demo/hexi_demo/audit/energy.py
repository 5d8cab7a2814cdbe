"""Rollups agree with what anybody can reckon from the frame log, and windows add up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from hexi.telemetry.v1 import telemetry_pb2 as pb
from hexi_kit.columns import Packed, unpack

from hexi_demo.audit.check import Check, check
from hexi_demo.audit.log import Entry

QUARTER_MS, HOUR_MS = 900_000, 3_600_000
# A window is closed when its site has gone on for a minute after it; and two frames to spare.
RIPE_MS = 180_000
PPM = 1_000_000
# What a meter of class 0.5 may be off by.
METER_PPM = 5_000
# Of the edges of four quarters, each rounded down.
ROUNDING_WS = 8
# Of an hour that was dark in part.
PART_PPM = 1_000
# A window of which less was read goes by other witnesses than its meters.
READ_MIN = 0.5
HALF_MILLI = 0.5
Window = tuple[str, int, int]


class Amount(NamedTuple):
    """What a window got, told from the `share` of it that was read."""

    value: float
    share: float


class Curve:
    """A total that grows with time, known at some moments and straight between them."""

    def __init__(self, points: Mapping[int, float]) -> None:
        self._at_ms = np.array(sorted(points), np.float64)
        self._total = np.array([points[at] for at in sorted(points)], np.float64)

    def between(self, start_ms: int, end_ms: int) -> Amount:
        if len(self._at_ms) < 2:
            return Amount(0.0, 0.0)
        low, high = max(start_ms, self._at_ms[0]), min(end_ms, self._at_ms[-1])
        if high <= low:
            return Amount(0.0, 0.0)
        before, after = np.interp((low, high), self._at_ms, self._total)
        share = float(high - low) / (end_ms - start_ms)
        return Amount(float(after - before) / share, share)

    def goes_past(self, at_ms: int) -> bool:
        return bool(len(self._at_ms)) and self._at_ms[-1] >= at_ms


@dataclass(slots=True)
class Readings:
    """Of one site by the frame's moment: its meters, and the power of each range of servers."""

    it_ws: dict[int, float] = field(default_factory=dict)
    facility_ws: dict[int, float] = field(default_factory=dict)
    power_w: dict[int, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))


def checks(frames: Iterable[Entry], rollups: Iterable[Entry]) -> list[Check]:
    """By the logs alone: no code of the service is asked."""
    readings, newest = by_site(frames), _final(rollups)
    return [_agree(readings, newest), _add_up(readings, newest)]


def by_site(frames: Iterable[Entry]) -> dict[str, Readings]:
    found: defaultdict[str, Readings] = defaultdict(Readings)
    for entry in frames:
        if not isinstance(entry.value, pb.SignedFrame):
            continue
        frame = pb.Frame.FromString(entry.value.frame)
        of_site, at_ms = found[frame.site_id], frame.observed_at_ms
        if frame.it_energy_ws:
            of_site.it_ws[at_ms] = float(frame.it_energy_ws)
        if frame.facility_energy_ws:
            of_site.facility_ws[at_ms] = float(frame.facility_energy_ws)
        for column in frame.columns:
            if column.metric == pb.METRIC_POWER_W:
                of_site.power_w[frame.first_server][at_ms] = _watts(column, frame)
    return dict(found)


def _watts(column: pb.Column, frame: pb.Frame) -> float:
    """Of all servers of a frame; who was not read drew as much as the others."""
    packed = Packed(
        column.values, column.encoding, column.scale, column.offset, column.values_bytes
    )
    watts = unpack(packed, frame.count).astype(np.float64)
    good = np.isfinite(watts)
    if frame.quality:
        bits = np.unpackbits(np.frombuffer(frame.quality, np.uint8), bitorder="little")
        good &= bits[: frame.count].astype(bool)
    return float(watts[good].mean() * frame.count) if good.any() else 0.0


def _final(rollups: Iterable[Entry]) -> dict[Window, pb.RollupClosed]:
    """The last revision of every window."""
    found: dict[Window, pb.RollupClosed] = {}
    for entry in rollups:
        if isinstance(entry.value, pb.RollupClosed):
            one = entry.value
            window = (one.site_id, one.start_ms, one.end_ms - one.start_ms)
            if window not in found or found[window].revision < one.revision:
                found[window] = one
    return found


def _agree(readings: Mapping[str, Readings], newest: Mapping[Window, pb.RollupClosed]) -> Check:
    wrong, off_ppm, by_servers_ppm = [], 0.0, 0.0
    compared = 0
    for site_id, of_site in readings.items():
        it, facility = Curve(of_site.it_ws), Curve(of_site.facility_ws)
        ranges = [Curve(_energy(power)) for power in of_site.power_w.values()]
        for window in _closed(it, of_site.it_ws, site_id):
            said = newest.get(window)
            if said is None:
                wrong.append(f"{_name(window)}: frames span it, no rollup was told")
                continue
            compared += 1
            start_ms, end_ms = said.start_ms, said.end_ms
            ours, whole = it.between(start_ms, end_ms), facility.between(start_ms, end_ms)
            servers_ws = sum(one.between(start_ms, end_ms).value for one in ranges)
            off_ppm = max(off_ppm, _apart(said.it_energy_ws, ours.value))
            by_servers_ppm = max(by_servers_ppm, _apart(said.it_energy_ws, servers_ws))
            wrong += _outside(said, ours.value, whole.value)
    counted = (
        f"{compared} quarters; IT energy within {off_ppm / PPM:.4%} of the meters' readings, "
        f"within {by_servers_ppm / PPM:.2%} of the servers' power, PUE inside its bounds"
    )
    # A run of a few seconds closes no quarter, and says so.
    return check("rollups are what the frame log says", counted, wrong, seen=1)


def _closed(it: Curve, readings: Mapping[int, float], site_id: str) -> Iterator[Window]:
    """Quarters of which most was read and after which the site went on."""
    first_ms = min(readings, default=0) // QUARTER_MS * QUARTER_MS
    for start_ms in range(first_ms, max(readings, default=0), QUARTER_MS):
        end_ms = start_ms + QUARTER_MS
        if it.between(start_ms, end_ms).share > READ_MIN and it.goes_past(end_ms + RIPE_MS):
            yield site_id, start_ms, QUARTER_MS


def _outside(said: pb.RollupClosed, it_ws: float, facility_ws: float) -> list[str]:
    name = _name((said.site_id, said.start_ms, said.end_ms - said.start_ms))
    wrong = []
    if _apart(said.it_energy_ws, it_ws) > METER_PPM:
        wrong.append(f"{name}: IT {said.it_energy_ws} Ws, the frames say {it_ws:.0f} Ws")
    if said.HasField("pue"):
        pue, ours = said.pue, 1_000 * facility_ws / max(it_ws, 1.0)
        if not pue.low_milli - HALF_MILLI <= ours <= pue.high_milli + HALF_MILLI:
            bounds = f"{pue.low_milli} to {pue.high_milli}"
            wrong.append(f"{name}: PUE {bounds} thousandths, the frames say {ours:.1f}")
    return wrong


def _energy(power_w: Mapping[int, float]) -> dict[int, float]:
    """Cumulative watt-seconds by trapezoid."""
    at_ms = sorted(power_w)
    watts = np.array([power_w[at] for at in at_ms])
    steps = (watts[1:] + watts[:-1]) / 2 * np.diff(at_ms) / 1_000
    return dict(zip(at_ms, np.append(0.0, np.cumsum(steps)).tolist(), strict=True))


def _add_up(readings: Mapping[str, Readings], newest: Mapping[Window, pb.RollupClosed]) -> Check:
    """What an hour tells of the time that was read is what its quarters tell of it."""
    wrong, compared, off_ppm = [], 0, 0.0
    hours = [one for (_, _, width_ms), one in newest.items() if width_ms == HOUR_MS]
    for hour in hours:
        of_site = readings.get(hour.site_id, Readings())
        for kind, points, told in (
            ("IT", of_site.it_ws, "it_energy_ws"),
            ("facility", of_site.facility_ws, "facility_energy_ws"),
        ):
            curve = Curve(points)
            share = curve.between(hour.start_ms, hour.end_ms).share
            parts = _read(newest, hour, curve, told)
            if share <= READ_MIN or parts is None:
                continue
            compared += 1
            value = getattr(hour, told) * share
            off_ppm = max(off_ppm, _apart(value, parts))
            if abs(value - parts) > ROUNDING_WS and _apart(value, parts) > PART_PPM:
                name = _name((hour.site_id, hour.start_ms, HOUR_MS))
                wrong.append(f"{name}: {kind} is {value:.0f} Ws, its quarters {parts:.0f}")
    # As few as there are hours: none in a short run.
    counted = f"{compared} sums of {len(hours)} hours, within {off_ppm / PPM:.4%}"
    return check("energy of an hour is that of its quarters", counted, wrong, seen=1)


def _read(
    newest: Mapping[Window, pb.RollupClosed], hour: pb.RollupClosed, curve: Curve, told: str
) -> float | None:
    """Energy of the quarters while they were read; nothing where one was mostly dark."""
    total = 0.0
    for quarter_ms in range(hour.start_ms, hour.end_ms, QUARTER_MS):
        share = curve.between(quarter_ms, quarter_ms + QUARTER_MS).share
        said = newest.get((hour.site_id, quarter_ms, QUARTER_MS))
        if share and (said is None or share <= READ_MIN):
            return None
        total += share * getattr(said, told) if said and share else 0.0
    return total


def _apart(said: float, ours: float) -> float:
    return PPM * abs(said - ours) / max(ours, 1.0)


def _name(window: Window) -> str:
    site_id, start_ms, width_ms = window
    return f"{site_id} {width_ms // 60_000} min from {start_ms}"
