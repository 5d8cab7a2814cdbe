"""Energy by cumulative meters: which readings to believe, and what each minute gets of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexi_telemetry.domain.energy.integral import Integers
from hexi_telemetry.domain.energy.sensors import BRIDGE_MS

# An interval whose rate lies so far from that of its neighbours is a stop, a jump or a lie.
RATE_LOW, RATE_HIGH = 0.4, 2.5
NEIGHBOURS_MIN, NEIGHBOURS = 5, 31
# Where frames come at regular times, one that did not come at one of them has to fit better.
ODD, ODD_SHARE, RATE_ODD = 0.1, 0.25, 0.15
# While a meter is not read power may leave its mean so far within a minute, and over more of them
# the way of power that is known from elsewhere.
SWING, SWING_MS, STRAY = 0.1, 60_000, 0.02
# Watts, or millilitres a second: no site flows faster.
FLOW_MAX = 10**10


Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


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
    if len(at_ms) < 2:
        return MeterMinutes(nothing, nothing, nothing, nothing)
    odd = np.append(0, np.cumsum(_is_odd(at_ms)))
    if run is not None:
        is_new = np.append(True, np.diff(counts) != 0)
        at_ms, counts, odd = at_ms[is_new], counts[is_new], odd[is_new]
    if len(at_ms) < 2:
        return MeterMinutes(nothing, nothing, nothing, nothing)
    step = np.diff(counts)
    length_ms = np.diff(at_ms)
    flow_at = (edges if run is None else run).astype(np.float64)
    flow = np.interp(at_ms, edges, flow_at)
    believed = _fits(length_ms, step, np.diff(flow), None if run is None else np.diff(odd) > 0)
    counted = np.append(0, np.cumsum(np.where(believed, step, 0)))
    known_ms = np.append(0, np.cumsum(np.where(believed, length_ms, 0)))
    at_edges = np.floor(_between(edges, at_ms, flow_at, flow, counted)).astype(np.int64)
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


def _fits(length_ms: Integers, step: Integers, flow: Floats, odd: Mask | None) -> Mask:
    """Whose rate goes with the rates around it, by the other measure where there is one."""
    fits = (step >= 0) & (step <= length_ms / 1_000 * FLOW_MAX)
    counts = step > 0
    if np.count_nonzero(counts) < NEIGHBOURS_MIN:
        return fits
    rate = step / np.maximum(flow, 1)
    usual = np.full(len(step), np.median(rate[counts]))
    if odd is not None:
        usual[counts] = _median_around(rate[counts])
        fits &= rate >= RATE_LOW * usual
        fits &= ~odd | (np.abs(rate - usual) <= RATE_ODD * usual)
    return fits & (rate <= RATE_HIGH * usual)


def _is_odd(at_ms: Integers) -> Mask:
    """No whole number of the usual lengths, where most are: there a clock was set."""
    lengths = np.diff(at_ms) / np.median(np.diff(at_ms))
    odd: Mask = np.abs(lengths - np.rint(lengths)) > ODD
    return odd & (np.mean(odd) < ODD_SHARE)


def _median_around(values: Floats) -> Floats:
    width = min(NEIGHBOURS, len(values) - 1 + len(values) % 2)
    padded = np.pad(values, width // 2, "reflect")
    median: Floats = np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
    return median


def _between(
    edges: Integers, at_ms: Integers, flow_at: Floats, flow: Floats, counted: Integers
) -> Floats:
    """What was counted at each edge: between two readings it goes with the flow."""
    piece = np.clip(np.searchsorted(at_ms, edges, "right") - 1, 0, len(at_ms) - 2)
    length = flow[piece + 1] - flow[piece]
    share = np.clip((flow_at - flow[piece]) / np.maximum(length, 1), 0, 1)
    at_edges: Floats = counted[piece] + share * np.diff(counted)[piece]
    return at_edges


def _slack(at_ms: Integers, step: Integers, edges: Integers) -> Integers:
    """At an edge between two readings: power may have swung on the shorter side."""
    piece = np.clip(np.searchsorted(at_ms, edges, "right") - 1, 0, len(step) - 1)
    begin, end = at_ms[piece], at_ms[piece + 1]
    side_ms = np.minimum(edges - begin, end - edges)
    unsure_ms = SWING * np.minimum(side_ms, SWING_MS) + STRAY * side_ms
    unsure = step[piece] * unsure_ms / np.maximum(end - begin, 1)
    return np.where(side_ms > 0, np.ceil(unsure), 0).astype(np.int64)
