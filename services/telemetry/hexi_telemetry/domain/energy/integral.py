"""Energy of servers by trapezoid over their power, cut at the edges of minutes; in integers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hexi_telemetry.domain.energy.points import Points
from hexi_telemetry.domain.energy.sensors import BRIDGE_MS

Integers = NDArray[np.int64]
UWS_PER_WS = 1_000_000


class Bridged(NamedTuple):
    """Of each interval between two edges: micro-watt-seconds, how wrong, server-milliseconds.

    `spread_ws2` is the square of what evens out, and adds up as squares do.
    """

    uws: Integers
    slack_uws: Integers
    server_ms: Integers
    spread_ws2: NDArray[np.float64]


def bridge(points: Points, edges: Integers) -> Bridged:
    """Between consecutive points of one range; a hole longer than the bound is nobody's energy."""
    uws, slack_uws, server_ms = (np.zeros(len(edges) - 1, np.int64) for _ in range(3))
    total = Bridged(uws, slack_uws, server_ms, np.zeros(len(edges) - 1))
    points = points[points["power_mw"] >= 0]
    if not len(points):
        return total
    starts = np.flatnonzero(np.diff(points["first"], prepend=-1))
    for start, end in zip(starts, np.append(starts[1:], len(points)), strict=True):
        if end - start > 1:
            _add(total, points[start:end], edges)
    return total


def _add(total: Bridged, points: Points, edges: Integers) -> None:
    at_ms = points["at_ms"].astype(np.int64)
    inside = edges[(edges > at_ms[0]) & (edges < at_ms[-1])]
    moments = np.union1d(at_ms, inside)
    piece = np.searchsorted(at_ms, moments[:-1], "right") - 1
    minute = np.searchsorted(edges, moments[:-1], "right") - 1
    hole_ms = np.diff(at_ms)[piece]
    period_ms = points["period_ms"][piece].astype(np.int64)
    # Whoever measures seldom says so, and is believed for one reading that did not come.
    use = hole_ms <= np.maximum(BRIDGE_MS, 2 * period_ms)
    use &= (minute >= 0) & (minute < len(edges) - 1)
    length_ms = np.diff(moments)[use]
    # Milliwatts times milliseconds are micro-watt-seconds; two of them make one trapezoid.
    np.add.at(total.uws, minute[use], _pairs(points["power_mw"], at_ms, moments)[use] * length_ms)
    slack_mw = _pairs(points["slack_mw"], at_ms, moments)
    np.add.at(total.slack_uws, minute[use], slack_mw[use] * length_ms)
    spread_w2 = (points["spread_mw"] / 1_000.0) ** 2
    spread_w2 = (spread_w2[:-1] + spread_w2[1:])[piece] / 2
    # In a hole power stayed where it was around it, no more is known.
    is_hole = 2 * hole_ms > 3 * period_ms
    spread_w2 += np.where(is_hole, (_around(points["power_mw"])[piece] / 2_000.0) ** 2, 0)
    # Parts of one hole are wrong together: their squares add up to that of the whole.
    np.add.at(total.spread_ws2, minute[use], spread_w2[use] * length_ms * hole_ms[use] / 1e6)
    np.add.at(
        total.server_ms, minute[use], points["count"][piece][use].astype(np.int64) * length_ms
    )


def _pairs(values: Integers, at_ms: Integers, moments: Integers) -> Integers:
    """The mean of both ends of each piece; whole below 2^53, which no site's power reaches."""
    drawn = np.rint(np.interp(moments, at_ms, values)).astype(np.int64)
    mean: Integers = (drawn[:-1] + drawn[1:]) // 2
    return mean


def _around(power_mw: Integers) -> Integers:
    """How far apart the two points on each side of every interval lie."""
    padded = np.pad(power_mw.astype(np.int64), 1, "edge")
    four = np.lib.stride_tricks.sliding_window_view(padded, 4)
    apart: Integers = four.max(axis=1) - four.min(axis=1)
    return apart
