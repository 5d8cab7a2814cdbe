"""The site's cumulative meters out of what its rules yield."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hexi_agent.domain.physics import BLIND_MS_MAX, Meters
from hexi_agent.domain.readings import METERS
from hexi_agent.domain.reckoning import Floats
from hexi_agent.mapping.outputs import Outputs
from hexi_agent.mapping.rules import Rule

FIELDS = dict(zip(METERS, ("facility_ws", "it_ws", "renewable_ws", "water_ml"), strict=True))


def read_meters(
    rules: Sequence[Rule], outputs: Outputs, values: Floats, before: Meters, now_ms: int
) -> Meters:
    """Where each meter stands now; one that nobody could read is left out of this frame.

    Power without a meter's count is summed up from where the meter stood `before`, over no longer
    than anybody may be blind.
    """
    found: dict[str, int] = {}
    for meter, field in FIELDS.items():
        value, rule = outputs.of_meter(meter, values)
        if rule < 0 or not math.isfinite(value) or value < 0:
            continue
        if rules[rule].kind == "watts":
            elapsed_ms = now_ms - before.at_ms if before.at_ms else 0
            elapsed_ms = min(BLIND_MS_MAX, max(0, elapsed_ms))
            # Never zero: zero means that a frame carries no meter.
            found[field] = max(1, getattr(before, field) + round(value * elapsed_ms / 1_000))
        else:
            found[field] = round(value)
    return Meters(now_ms, **found) if found else Meters()
