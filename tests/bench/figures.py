"""One JSON line a figure, and what a list of latencies says."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence


def show(figure: str, value: float, unit: str, **more: object) -> None:
    """Print one figure at once: a benchmark that is cut short has said what it knew."""
    rounded = round(value, 3) if isinstance(value, float) else value
    sys.stdout.write(json.dumps({"figure": figure, "value": rounded, "unit": unit, **more}) + "\n")
    sys.stdout.flush()


def show_latencies(
    name: str, rate: int, waits_ms: Sequence[float], unplaced: int, **more: object
) -> None:
    """At a rate of workloads a second: the half, nine of ten and all but one of a hundred."""
    for percent in (50, 90, 99):
        figure = f"{name}.latency_p{percent}_at_{rate}_per_s"
        found_ms = percentile(waits_ms, percent)
        show(figure, found_ms, "ms", workloads=len(waits_ms), unplaced=unplaced, **more)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of the sorted `values` do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
