"""Energy by cumulative meters: which readings to believe, and what each minute gets of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexi_telemetry.domain.energy.integral import Integers
from hexi_telemetry.domain.energy.sensors import BRIDGE_MS

# An interval whose rate lies so far from that of its neighbours is a stop, a jump or a lie.
RATE_LOW, RATE_HIGH = 0.4, 2.5
NEIGHBOURS_MIN = 5
# How far power may be from its mean while a meter is not read.
SWING = 0.1
# Watts, or millilitres a second: no site flows faster.
FLOW_MAX = 10**10


class MeterMinutes(NamedTuple):
    """Of each interval between two edges: counted, for how long, and how unsure at both edges."""

    counted: Integers
    known_ms: Integers
    open_slack: Integers
    close_slack: Integers


def spread(
    at_ms: Integers, counts: Integers, edges: Integers, run: Integers | None
) -> MeterMinutes:
    """What believable readings say.

    `run` is another measure of the same flow, cumulative at the edges: a meter that has to run
    with it may not rest; any other may.
    """
    read = counts > 0
    at_ms, counts = _in_order(at_ms[read], counts[read])
    nothing = np.zeros(len(edges) - 1, np.int64)
    if run is not None:
        at_ms, counts = _advancing(at_ms, counts)
    if len(at_ms) < 2:
        return MeterMinutes(nothing, nothing, nothing, nothing)
    step = np.diff(counts)
    length_ms = np.diff(at_ms)
    believed = _fits(at_ms, step, edges, run)
    counted = np.append(0, np.cumsum(np.where(believed, step, 0)))
    known_ms = np.append(0, np.cumsum(np.where(believed, length_ms, 0)))
    at_edges = np.floor(np.interp(edges, at_ms, counted)).astype(np.int64)
    known_at = np.rint(np.interp(edges, at_ms, known_ms)).astype(np.int64)
    slack = _slack(at_ms, np.where(believed, step, 0), edges)
    return MeterMinutes(np.diff(at_edges), np.diff(known_at), slack[:-1], slack[1:])


def _in_order(at_ms: Integers, counts: Integers) -> tuple[Integers, Integers]:
    """By time, without dips: what falls and rises again was read under a clock that had jumped."""
    order = np.lexsort((counts, at_ms))
    at_ms, counts = at_ms[order], counts[order]
    if len(at_ms) < 2:
        return at_ms, counts
    # What falls for longer than clocks may jump is a meter that began anew.
    soon = np.searchsorted(at_ms, at_ms + BRIDGE_MS, "right")
    falls = np.flatnonzero(counts[1:] < counts[:-1]) + 1
    resets = [at for at in falls if counts[at : soon[at]].max() < counts[at - 1]]
    keep = np.append(np.diff(at_ms) > 0, True)
    for part in np.split(np.arange(len(counts)), resets):
        keep[part] &= counts[part] >= np.maximum.accumulate(counts[part])
    return at_ms[keep], counts[keep]


def _advancing(at_ms: Integers, counts: Integers) -> tuple[Integers, Integers]:
    """Without readings that say the same as the one before: the meter, or who reads it, stood."""
    keep = np.append(True, np.diff(counts) != 0) if len(counts) else np.ones(0, np.bool_)
    return at_ms[keep], counts[keep]


def _fits(
    at_ms: Integers, step: Integers, edges: Integers, run: Integers | None
) -> NDArray[np.bool_]:
    """Whose rate goes with the rates around it, by the other measure where there is one."""
    fits = (step >= 0) & (step <= np.diff(at_ms) / 1_000 * FLOW_MAX)
    if np.count_nonzero(step > 0) < NEIGHBOURS_MIN:
        return fits
    flow = np.diff(at_ms if run is None else np.interp(at_ms, edges, run))
    rate = step / np.maximum(flow, 1)
    usual = float(np.median(rate[step > 0]))
    fits &= rate <= RATE_HIGH * usual
    if run is not None:
        fits &= rate >= RATE_LOW * usual
    return fits


def _slack(at_ms: Integers, step: Integers, edges: Integers) -> Integers:
    """At an edge between two readings: power may have swung on the shorter side."""
    piece = np.clip(np.searchsorted(at_ms, edges, "right") - 1, 0, len(step) - 1)
    begin, end = at_ms[piece], at_ms[piece + 1]
    side_ms = np.minimum(edges - begin, end - edges)
    unsure = SWING * step[piece] * side_ms / np.maximum(end - begin, 1)
    return np.where(side_ms > 0, np.ceil(unsure), 0).astype(np.int64)
