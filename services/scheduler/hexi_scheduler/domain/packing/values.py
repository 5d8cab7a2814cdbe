"""What a share of a device is worth to the work that comes, and so a device with so much free."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from hexi_scheduler.domain.packing.mix import Seen
from hexi_scheduler.domain.workload import WHOLE

MICRO = 1_000
STEP_MILLI = 10
SIZE_MIN_MILLI = 50
SIZES_MAX = 14
ROUNDS_MAX = 40
TOLERANCE = 1e-6

Floats = NDArray[np.float64]
Values = tuple[tuple[int, int], ...]  # share in milli, its worth in micro-devices


def values_by_step(values: Values, steps: int, step_milli: int) -> Floats:
    """The best packing of shares into a device with 0, 1, 2 … steps free, in milli-devices."""
    sizes = [-(-milli // step_milli) for milli, _ in values]
    worth, _ = _knapsack(sizes, [value / MICRO for _, value in values], steps - 1)
    return worth


def device_values(seen: tuple[Seen, ...], devices_milli: int) -> Values:
    """Duals of the best filling of all devices by the mix: a share is worth what no other gives.

    Patterns of shares on a device are found as they are needed, by a knapsack over the duals.
    """
    asked = sum(one.came * one.shape.accelerators * one.shape.device_milli for one in seen)
    if not asked:
        return ()
    wanted, wholes = _wanted(seen, devices_milli / asked)
    if not wanted:
        return ()
    sizes = [size for size, _ in wanted]
    steps = [-(-size // STEP_MILLI) for size in sizes]
    patterns = [_alone(n, WHOLE // STEP_MILLI // step, len(sizes)) for n, step in enumerate(steps)]
    limits = np.array([count for _, count in wanted] + [devices_milli / WHOLE])
    worth = np.array(sizes, np.float64)
    net = worth.copy()
    for _ in range(ROUNDS_MAX):
        duals = _fill(patterns, worth, limits, wholes)
        net = worth - duals[:-1]
        best, choice = _knapsack(steps, net.tolist(), WHOLE // STEP_MILLI)
        if best[-1] <= duals[-1] + TOLERANCE * WHOLE:
            break
        patterns.append(choice)
    return tuple(
        (size, round(float(value) * MICRO)) for size, value in zip(sizes, net, strict=True)
    )


def _wanted(seen: tuple[Seen, ...], times: float) -> tuple[list[tuple[int, float]], float]:
    """The most frequent shares with how often each would come, and whole devices."""
    shares: dict[int, int] = {}
    wholes = 0
    for (_, accelerators, milli, _), count, _ in seen:
        if accelerators == 1 and milli < WHOLE:
            size = max(SIZE_MIN_MILLI, milli)
            shares[size] = shares.get(size, 0) + count
        elif accelerators:
            wholes += accelerators * count
    often = sorted(shares.items(), key=lambda entry: (-entry[1], entry[0]))[:SIZES_MAX]
    return sorted((size, count * times) for size, count in often), wholes * times


def _alone(which: int, count: int, sizes: int) -> list[int]:
    pattern = [0] * sizes
    pattern[which] = count
    return pattern


def _fill(patterns: list[list[int]], worth: Floats, limits: Floats, wholes: float) -> Floats:
    """Duals of the shares wanted and, last, of devices."""
    uses = np.array([*patterns, [0] * len(worth)], np.float64).T
    rows = np.vstack([uses, np.ones(uses.shape[1])])
    bounds = [(0.0, None)] * len(patterns) + [(0.0, wholes)]
    gains = np.append(uses.T[:-1] @ worth, WHOLE)
    solved = linprog(-gains, A_ub=rows, b_ub=limits, bounds=bounds, method="highs")
    return np.asarray(-solved.ineqlin.marginals, np.float64)


def _knapsack(sizes: list[int], values: list[float], steps: int) -> tuple[Floats, list[int]]:
    """The most worth that fits into 0 … `steps`, and how often each size is in the last."""
    worth = np.zeros(steps + 1)
    last = [-1] * (steps + 1)
    for free in range(1, steps + 1):
        worth[free] = worth[free - 1]
        for n, (size, value) in enumerate(zip(sizes, values, strict=True)):
            if size <= free and worth[free - size] + value > worth[free]:
                worth[free], last[free] = worth[free - size] + value, n
    pattern, free = [0] * len(sizes), steps
    while free:
        chosen = last[free]
        if chosen >= 0:
            pattern[chosen] += 1
        free -= sizes[chosen] if chosen >= 0 else 1
    return worth, pattern
