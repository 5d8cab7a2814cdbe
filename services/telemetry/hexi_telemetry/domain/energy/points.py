"""What each frame says of power and meters, a row a frame; order and copies do not matter."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from hexi_telemetry.domain.energy.sensors import Heard
from hexi_telemetry.domain.frame import Frame

POINT = np.dtype(
    [
        ("at_ms", "<i8"),
        ("revision", "<i8"),
        ("first", "<u4"),
        ("count", "<u2"),
        ("good", "<u2"),
        ("period_ms", "<u4"),
        ("servers", "<u4"),
        # Of all `count` servers, estimates included; negative where nobody measured power.
        ("power_mw", "<i8"),
        ("spread_mw", "<i8"),
        ("slack_mw", "<i8"),
        ("facility_ws", "<i8"),
        ("it_ws", "<i8"),
        ("renewable_ws", "<i8"),
        ("water_ml", "<i8"),
    ]
)
Points = NDArray[np.void]


def point_of(frame: Frame, servers: int, heard: Heard) -> bytes:
    """One row; `servers` is how many the whole site has."""
    row = (
        frame.observed_at_ms,
        frame.revision,
        frame.first_server,
        heard.servers,
        heard.good,
        frame.period_ms,
        servers,
        heard.power_mw,
        heard.spread_mw,
        heard.slack_mw,
        frame.facility_energy_ws,
        frame.it_energy_ws,
        frame.renewable_energy_ws,
        frame.water_ml,
    )
    return np.array(row, POINT).tobytes()


def united(rows: Iterable[bytes]) -> Points:
    """By range, then time; of two frames of one range and moment the fuller one counts."""
    points = np.frombuffer(b"".join(rows), POINT)
    # The last key sorts first.
    names = ("it_ws", "facility_ws", "power_mw", "good", "at_ms", "first")
    points = points[np.lexsort([points[name] for name in names])]
    if len(points) < 2:
        return points
    is_last = np.ones(len(points), np.bool_)
    is_last[:-1] = (points["first"][1:] != points["first"][:-1]) | (
        points["at_ms"][1:] != points["at_ms"][:-1]
    )
    return points[is_last]
