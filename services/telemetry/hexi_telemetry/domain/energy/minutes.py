"""Accounts of the minutes of one site out of the points of its frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from hexi_telemetry.domain.carbon import carbon_mg
from hexi_telemetry.domain.energy.account import NOT_ALONG, Account, Along, Metered
from hexi_telemetry.domain.energy.agreement import NO_PAIRS, pair
from hexi_telemetry.domain.energy.integral import UWS_PER_WS, Bridged, Integers, bridge
from hexi_telemetry.domain.energy.meters import spread
from hexi_telemetry.domain.energy.points import Points

MINUTE_MS = 60_000
PPM = 1_000_000
# Of the servers, for a minute to say how they stand to the IT meter.
SOUND_PPM = 900_000
# Those that run with the servers; the others may rest.
METERS = {"facility_ws": True, "it_ws": True, "renewable_ws": False, "water_ml": False}


def minute_accounts(
    points: Points, start_ms: int, end_ms: int, g_per_kwh: Sequence[int]
) -> list[Account]:
    """One account a minute of [start, end) of which anything is known.

    `points` reach past both ends as far as a hole may be bridged; `g_per_kwh` is by hour of the
    day, none where nobody knows.
    """
    if not len(points):
        return []
    at_ms = points["at_ms"].astype(np.int64)
    # All that was heard is looked at, so that what is said of a minute hangs on few of them.
    low_ms = min(start_ms, int(at_ms.min() - 1) // MINUTE_MS * MINUTE_MS)
    edges = np.arange(low_ms, max(end_ms, int(at_ms.max())) + MINUTE_MS, MINUTE_MS)
    bridged = bridge(points, edges)
    servers = _servers(points, edges)
    run = _flow(bridged, servers, edges)
    read = _readings(points, edges)
    columns = [
        read.revision,
        read.frames,
        servers * MINUTE_MS,
        read.covered_ms,
        bridged.server_ms,
        bridged.uws // UWS_PER_WS,
        -(-bridged.slack_uws // UWS_PER_WS),
    ]
    for name, flow in METERS.items():
        counts = points[name].astype(np.int64)
        columns += spread(at_ms, counts, edges, run if flow else None)
    inside = slice((start_ms - low_ms) // MINUTE_MS, (end_ms - low_ms) // MINUTE_MS)
    rows = np.stack(columns)[:, inside].T.tolist()
    spreads = bridged.spread_ws2[inside].tolist()
    flows = np.diff(run)[inside].tolist()
    # In its first minute a new server set stands beside the old one.
    newest = np.maximum.accumulate(read.revision)
    is_new = (np.diff(newest, prepend=newest[:1]) != 0)[inside].tolist()
    accounts = (
        _account(begin_ms, [*row, *rest], g_per_kwh)
        for begin_ms, row, *rest in zip(
            edges[:-1][inside].tolist(), rows, spreads, flows, is_new, strict=True
        )
    )
    return [one for one in accounts if _is_anything_known(one)]


def has_stood(points: Points, until_ms: int) -> bool:
    """Whether a meter stood from the first point past a moment, and then went on.

    For how long its next step counted is only known with what was before.
    """
    early, late = points[points["at_ms"] < until_ms], points[points["at_ms"] >= until_ms]
    for name in (name for name, flow in METERS.items() if flow):
        before, after = early[name][early[name] > 0], late[name][late[name] > 0]
        stood = len(before) > 1 and bool((before == before[0]).all())
        if stood and bool((after != before[0]).any()):
            return True
    return False


def _account(begin_ms: int, row: list[Any], g_per_kwh: Sequence[int]) -> Account:
    end_ms = begin_ms + MINUTE_MS
    meters = [Metered(*row[at : at + 4]) for at in range(7, 23, 4)]
    facility_ws = meters[0].counted
    carbon = carbon_mg(begin_ms, end_ms, facility_ws, g_per_kwh) if g_per_kwh else 0
    revision, frames, expected, covered, bridged, server_ws, slack_ws = row[:7]
    facility, it, renewable, water = meters
    is_heard = bridged * PPM >= expected * SOUND_PPM
    spread_ws2, flow_ws, is_new = row[-3:]
    is_sound = it.known_ms == MINUTE_MS and is_heard and not is_new
    whole_ws = server_ws * expected // max(1, bridged)
    return Account(
        begin_ms,
        end_ms,
        revision,
        frames,
        expected,
        covered,
        bridged,
        server_ws,
        slack_ws,
        carbon,
        facility,
        it,
        renewable,
        water,
        spread_ws2,
        pair(whole_ws, it.counted) if is_sound else NO_PAIRS,
        _along(facility, flow_ws) if is_heard else NOT_ALONG,
        _along(it, flow_ws) if is_heard else NOT_ALONG,
    )


def _along(meter: Metered, flow_ws: int) -> Along:
    known_ws = flow_ws * meter.known_ms / MINUTE_MS
    squares = meter.counted * meter.counted / known_ws if known_ws > 0 else 0.0
    missing_ms = float(MINUTE_MS - meter.known_ms)
    return Along(known_ws, flow_ws - known_ws, missing_ms, float(meter.counted), squares)


def _is_anything_known(account: Account) -> bool:
    return bool(
        account.frames
        or account.bridged_server_ms
        or account.facility.known_ms
        or account.it.known_ms
    )


class _Readings(NamedTuple):
    """Of each minute: frames, server-milliseconds that were read, the newest server set."""

    frames: Integers
    covered_ms: Integers
    revision: Integers


def _readings(points: Points, edges: Integers) -> _Readings:
    # A frame speaks of the period before its moment, so that of a full minute is of the one before.
    minute = (points["at_ms"].astype(np.int64) - 1 - edges[0]) // MINUTE_MS
    found = _Readings(*(np.zeros(len(edges) - 1, np.int64) for _ in _Readings._fields))
    np.add.at(found.frames, minute, 1)
    np.add.at(found.covered_ms, minute, points["good"].astype(np.int64) * points["period_ms"])
    np.maximum.at(found.revision, minute, points["revision"])
    return found


def _servers(points: Points, edges: Integers) -> Integers:
    """How many servers the site had in each minute: as the nearest frame before its end says."""
    order = np.argsort(points["at_ms"], kind="stable")
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
    minutes[lit] = bridged.uws[lit] / UWS_PER_WS / bridged.server_ms[lit] * whole_ms
    minutes[~lit] = minutes[lit].mean()
    return np.append(0, np.cumsum(np.rint(minutes).astype(np.int64)))
