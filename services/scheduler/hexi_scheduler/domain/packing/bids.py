"""What using a pool takes from work that has no other: duals of spreading the mix over pools."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_matrix

from hexi_scheduler.domain.packing.mix import Bid, Seen, Shape
from hexi_scheduler.domain.packing.rules import PackingRules
from hexi_scheduler.domain.pool import Pool
from hexi_scheduler.domain.workload import GENERAL

PPM = 1_000_000
UNIT = 1_000

Floats = NDArray[np.float64]


def accepts(shape: Shape, class_id: str) -> bool:
    """Whether a pool's servers may hold the shape; vCPU is where accelerators are as well."""
    if not shape.accelerators:
        return True
    return class_id != GENERAL and (not shape.models or class_id in shape.models)


def bids(
    seen: tuple[Seen, ...], pools: Sequence[tuple[Pool, int]], rules: PackingRules
) -> tuple[Bid, ...]:
    """Of each pool (with the devices of its largest server) by what it has free now."""
    devices = np.array([pool.device_milli for pool, _ in pools], np.float64)
    cpu = np.array([pool.cpu_milli for pool, _ in pools], np.float64)
    asked = sum(one.count * one.shape.accelerators * one.shape.device_milli for one in seen)
    if not asked or not devices.sum() or not rules.segments:
        return ()
    expected = np.array([one.count for one in seen]) * (devices.sum() / asked)
    flows = [
        (n, number)
        for n, one in enumerate(seen)
        for number, (pool, most) in enumerate(pools)
        if accepts(one.shape, pool.kind[0]) and one.shape.accelerators <= most
    ]
    duals = _spread([one.shape for one in seen], expected, flows, (devices, cpu), rules)
    factor = rules.bid_ppm / PPM * UNIT
    return tuple(
        Bid(
            *pool.kind,
            round(float(duals[number]) * factor),
            round(float(duals[len(pools) + number]) * factor),
        )
        for number, (pool, _) in enumerate(pools)
    )


def _spread(
    shapes: Sequence[Shape],
    expected: Floats,
    flows: Sequence[tuple[int, int]],
    free: tuple[Floats, Floats],
    rules: PackingRules,
) -> Floats:
    """Duals of each pool's devices, then of its vCPU.

    Capacity comes in segments that cost more the fuller a pool gets: prices rise before it is full.
    """
    pools, segments = len(free[0]), len(rules.segments)
    rows, columns, entries = [], [], []
    for column, (n, number) in enumerate(flows):
        shape = shapes[n]
        rows += [number, pools + number, 2 * pools + n]
        columns += [column] * 3
        entries += [shape.accelerators * shape.device_milli, shape.cpu_milli, 1]
    for limit in range(2 * pools):
        rows += [limit] * segments
        columns += range(len(flows) + limit * segments, len(flows) + (limit + 1) * segments)
        entries += [-1] * segments
    size = (2 * pools + len(shapes), len(flows) + 2 * pools * segments)
    parts, prices = np.array(rules.segments, np.float64).T / PPM
    device_per_cpu = 0.5 * free[0].sum() / max(free[1].sum(), 1.0)
    gains = [
        -(s.accelerators * s.device_milli + s.cpu_milli * rules.cpu_worth_ppm / PPM)
        for s in (shapes[n] for n, _ in flows)
    ]
    costs = np.concatenate([gains, np.tile(prices, pools), np.tile(prices * device_per_cpu, pools)])
    most = np.concatenate(
        [np.full(len(flows), np.inf), (np.concatenate(free)[:, None] * parts).ravel()]
    )
    solved = linprog(
        costs,
        A_ub=coo_matrix((entries, (rows, columns)), shape=size).tocsr(),
        b_ub=np.concatenate([np.zeros(2 * pools), expected]),
        bounds=np.column_stack([np.zeros(size[1]), most]),
        method="highs",
    )
    if solved.status:
        return np.zeros(2 * pools)
    return np.asarray(-solved.ineqlin.marginals[: 2 * pools], np.float64)
