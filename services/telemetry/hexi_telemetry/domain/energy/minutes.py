"""Accounts of the minutes of one site out of the points of its frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hexi_telemetry.domain.carbon import carbon_mg
from hexi_telemetry.domain.energy.account import Account, Metered
from hexi_telemetry.domain.energy.integral import UWS_PER_WS, Bridged, Integers, bridge
from hexi_telemetry.domain.energy.meters import MeterMinutes, spread
from hexi_telemetry.domain.energy.points import Points

MINUTE_MS = 60_000


def minute_accounts(
    points: Points, start_ms: int, end_ms: int, g_per_kwh: Sequence[int]
) -> list[Account]:
    """One account a minute of [start, end) of which anything is known.

    `points` reach past both ends as far as a hole may be bridged; `g_per_kwh` is by hour of the
    day, none where nobody knows.
    """
    edges = np.arange(start_ms, end_ms + 1, MINUTE_MS)
    width = len(edges) - 1
    bridged = bridge(points, edges)
    servers = _servers(points, edges)
    run = _flow(bridged, servers, edges)
    at_ms = points["at_ms"].astype(np.int64)
    meters = [
        spread(at_ms, points[name].astype(np.int64), edges, flow)
        for name, flow in (
            ("facility_ws", run),
            ("it_ws", run),
            ("renewable_ws", None),
            ("water_ml", None),
        )
    ]
    read = _readings(points, start_ms, width)
    accounts = []
    for place in range(width):
        facility, it, renewable, water = (_metered(meter, place) for meter in meters)
        if not (read.frames[place] or bridged.server_ms[place] or facility.known_ms or it.known_ms):
            continue
        begin_ms = int(edges[place])
        ends = (begin_ms, begin_ms + MINUTE_MS)
        carbon = carbon_mg(*ends, facility.counted, g_per_kwh) if g_per_kwh else 0
        accounts.append(
            Account(
                *ends,
                int(read.revision[place]),
                int(read.frames[place]),
                int(servers[place]) * MINUTE_MS,
                int(read.covered_ms[place]),
                int(bridged.server_ms[place]),
                int(bridged.uws[place]) // UWS_PER_WS,
                -(-int(bridged.slack_uws[place]) // UWS_PER_WS),
                carbon,
                facility,
                it,
                renewable,
                water,
            )
        )
    return accounts


class _Readings(NamedTuple):
    """Of each minute: frames, server-milliseconds that were read, the newest server set."""

    frames: Integers
    covered_ms: Integers
    revision: Integers


def _readings(points: Points, start_ms: int, width: int) -> _Readings:
    # A frame speaks of the period before its moment, so that of a full minute is of the one before.
    minute = (points["at_ms"].astype(np.int64) - 1 - start_ms) // MINUTE_MS
    inside = (minute >= 0) & (minute < width)
    points, minute = points[inside], minute[inside]
    found = _Readings(*(np.zeros(width, np.int64) for _ in _Readings._fields))
    np.add.at(found.frames, minute, 1)
    np.add.at(found.covered_ms, minute, points["good"].astype(np.int64) * points["period_ms"])
    np.maximum.at(found.revision, minute, points["revision"])
    return found


def _metered(meter: MeterMinutes, place: int) -> Metered:
    return Metered(*(int(column[place]) for column in meter))


def _servers(points: Points, edges: Integers) -> Integers:
    """How many servers the site had in each minute: as the nearest frame before its end says."""
    order = np.argsort(points["at_ms"], kind="stable")
    if not len(order):
        return np.zeros(len(edges) - 1, np.int64)
    before = np.searchsorted(points["at_ms"][order], edges[1:], "right") - 1
    servers = points["servers"].astype(np.int64)[order]
    newest: Integers = servers[np.maximum(before, 0)]
    return newest


def _flow(bridged: Bridged, servers: Integers, edges: Integers) -> Integers:
    """Cumulative energy of all servers at the edges; where it is dark, as in the mean minute."""
    lit = bridged.server_ms > 0
    if not lit.any():
        steady: Integers = edges - edges[0]
        return steady
    whole_ms = servers[lit] * MINUTE_MS
    minutes = np.zeros(len(lit))
    minutes[lit] = bridged.uws[lit] / bridged.server_ms[lit] * whole_ms
    minutes[~lit] = minutes[lit].mean()
    return np.append(0, np.cumsum(np.rint(minutes).astype(np.int64)))
