"""Power sensors of one site: what a frame's missing servers drew, and which sensors are stuck."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexi_telemetry.domain.frame import FloatColumn, Frame, Mask, Metric

# Nobody knows what a sensor that was silent for longer would have said.
BRIDGE_MS = 300_000
# A sensor that says the very same for so long while its server's load moved so far is stuck.
STILL_MS = 900_000
LOAD_MOVED = 0.2
# A missing server walks on by its usual steps; three sigma.
SIGMAS = 3.0
STEP_MEMORY = 16.0
# What a server usually draws is learnt over so many readings.
USUAL_MEMORY = 256
# Servers that stay silent may share a reason and a job: then their errors add up.
LONG_SILENT_SHARE = 0.35
NEVER_HEARD_SHARE = 0.5
TREND = (0.5, 2.0)


class Heard(NamedTuple):
    """`power_mw` of `servers` of a frame, estimates included; -1 where none can be told.

    `spread_mw` is wrong either way and evens out over frames, `slack_mw` does not.
    """

    good: int
    servers: int
    power_mw: int
    spread_mw: int
    slack_mw: int


class SiteSensors:
    """The last good reading of every server of one revision: soft state, rebuilt by hearing."""

    def __init__(self, servers: int) -> None:
        # What a server draws by its last good reading and what others did since.
        self._watts: FloatColumn = np.zeros(servers, np.float32)
        self._said: FloatColumn = np.zeros(servers, np.float32)
        self._usual: FloatColumn = np.zeros(servers, np.float32)
        self._readings: NDArray[np.int16] = np.zeros(servers, np.int16)
        self._step2: FloatColumn = np.zeros(servers, np.float32)
        self._at_ms: NDArray[np.int64] = np.zeros(servers, np.int64)
        self._range: NDArray[np.int64] = np.full(servers, -1, np.int64)
        self._still_from_ms: NDArray[np.int64] = np.zeros(servers, np.int64)
        self._load_low: FloatColumn = np.zeros(servers, np.float32)
        self._load_high: FloatColumn = np.zeros(servers, np.float32)

    def __len__(self) -> int:
        return len(self._watts)

    def hear(self, frame: Frame) -> Heard:
        """Sums of one frame; readings older than the last are summed and not remembered."""
        watts = frame.columns.get(Metric.POWER_W)
        if watts is None:
            return Heard(frame.good_count, frame.count, -1, 0, 0)
        place = slice(frame.first_server, frame.first_server + frame.count)
        good = np.isfinite(watts)
        if frame.good is not None:
            good &= frame.good
        # Who is heard by another range of frames is counted there, and only there.
        foreign = (self._range[place] >= 0) & (self._range[place] != frame.first_server)
        ours = ~(foreign & (frame.observed_at_ms - self._at_ms[place] <= BRIDGE_MS))
        good &= ours
        fresh = frame.observed_at_ms > self._at_ms[place]
        good &= ~self._stuck(frame, place, watts, good & fresh)
        heard = self._sum(frame, place, watts, good, ours & ~good)
        self._remember(frame, place, watts, good & fresh)
        return heard

    def _sum(
        self, frame: Frame, place: slice, watts: FloatColumn, good: Mask, missing: Mask
    ) -> Heard:
        good_count, servers = (int(np.count_nonzero(some)) for some in (good, good | missing))
        if not good_count:
            return Heard(0, servers, -1, 0, 0)
        read_mw = int(np.rint(watts[good].astype(np.float64) * 1_000.0).astype(np.int64).sum())
        if not missing.any():
            return Heard(good_count, servers, read_mw, 0, 0)
        known = self._range[place] >= 0
        both, silent = good & known, missing & known
        age_ms = np.maximum(frame.observed_at_ms - self._at_ms[place][silent], 0)
        is_long = age_ms > BRIDGE_MS
        last = self._watts[place][silent] * _trend(self._watts[place][both], watts[both])
        # Jobs end: after a while the last that was heard says less than what was usual.
        known_w = self._usual[place][silent]
        usually = known_w * _trend(self._usual[place][both], watts[both])
        step2 = self._step2[place]
        usual = float(step2[both].mean()) if both.any() else 0.0
        # Frame by frame the walk adds up: over k frames its square grows as that of its steps.
        steps = np.where(is_long, 0, age_ms / frame.period_ms)
        walked = np.maximum(step2[silent], usual) * steps * steps
        spread_w = SIGMAS * float(np.sqrt(walked.sum()))
        never_w = read_mw / 1_000.0 / good_count * int(np.count_nonzero(missing & ~known))
        drawn = np.where(is_long, usually, last)
        filled_w = float(drawn.sum(dtype=np.float64)) + never_w
        slack_w = LONG_SILENT_SHARE * float(drawn[is_long].sum()) + NEVER_HEARD_SHARE * never_w
        is_later = age_ms > 0
        self._watts[place][silent] = np.where(is_later, last, self._watts[place][silent])
        walked_w = np.where(is_later, usually - known_w, 0) / USUAL_MEMORY
        self._usual[place][silent] = known_w + walked_w
        power_mw = read_mw + round(filled_w * 1_000)
        return Heard(good_count, servers, power_mw, round(spread_w * 1_000), round(slack_w * 1_000))

    def _remember(self, frame: Frame, place: slice, watts: FloatColumn, fresh: Mask) -> None:
        steady = fresh & (frame.observed_at_ms - self._at_ms[place] <= 2 * frame.period_ms)
        step = watts[steady] - self._watts[place][steady]
        step2 = self._step2[place]
        step2[steady] += (step * step - step2[steady]) / np.float32(STEP_MEMORY)
        readings = np.minimum(self._readings[place][fresh] + 1, USUAL_MEMORY)
        self._readings[place][fresh] = readings
        usual = self._usual[place]
        usual[fresh] += np.divide(watts[fresh] - usual[fresh], readings, dtype=np.float32)
        self._watts[place][fresh] = watts[fresh]
        self._at_ms[place][fresh] = frame.observed_at_ms
        self._range[place][fresh] = frame.first_server

    def _stuck(self, frame: Frame, place: slice, watts: FloatColumn, fresh: Mask) -> Mask:
        loads = [
            frame.columns[metric]
            for metric in (Metric.CPU_UTILISATION, Metric.ACCELERATOR_UTILISATION)
            if metric in frame.columns
        ]
        if not loads:
            return np.zeros(frame.count, np.bool_)
        load = np.nan_to_num(np.add.reduce(loads, dtype=np.float32))
        low, high = self._load_low[place], self._load_high[place]
        since_ms = self._still_from_ms[place]
        moved = fresh & ((watts != self._said[place]) | (since_ms == 0))
        self._said[place][moved] = watts[moved]
        since_ms[moved] = frame.observed_at_ms
        low[moved] = high[moved] = load[moved]
        np.minimum(low, load, out=low, where=fresh)
        np.maximum(high, load, out=high, where=fresh)
        still: Mask = (frame.observed_at_ms - since_ms >= STILL_MS) & (high - low >= LOAD_MOVED)
        return still


def _trend(before: FloatColumn, now: FloatColumn) -> np.float32:
    """The load of those that are not heard goes as the load of those that are."""
    before_w, now_w = (float(watts.sum(dtype=np.float64)) for watts in (before, now))
    return np.float32(min(max(now_w / before_w, TREND[0]), TREND[1]) if before_w > 0 else 1.0)
