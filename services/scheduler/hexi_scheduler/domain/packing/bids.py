"""What using a pool takes from work that has no other: duals of spreading the mix over pools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_matrix

from hexi_scheduler.domain.packing.mix import Bid, Seen, Shape
from hexi_scheduler.domain.packing.rules import PackingRules
from hexi_scheduler.domain.place.pool import Pool
from hexi_scheduler.domain.workload import GENERAL, WHOLE

PPM = 1_000_000
UNIT = 1_000
CPU_MILLI_PER_DEVICE = (4_000, 8_000, 12_000, 16_000)  # edges between groups of one mask
LEAST_LEFT = 0.05

Floats = NDArray[np.float64]


class _Groups(NamedTuple):
    """Work that may go to the same pools and asks for like vCPU per device: what of it comes."""

    masks: list[tuple[int, ...]]
    accelerated: NDArray[np.bool_]
    devices: Floats
    cpu: Floats
    arrivals: Floats  # with this mask, of whatever vCPU


def accepts(shape: Shape, class_id: str) -> bool:
    """Whether a pool's servers may hold the shape; vCPU is where accelerators are as well."""
    if not shape.accelerators:
        return True
    return class_id != GENERAL and (not shape.models or class_id in shape.models)


def bids(
    seen: tuple[Seen, ...], pools: Sequence[tuple[Pool, int]], rules: PackingRules
) -> tuple[Bid, ...]:
    """Of each pool (with the devices of its largest server) by what it has free now."""
    devices = np.array([pool.device_milli for pool, _ in pools]) / WHOLE
    cpu = np.array([pool.cpu_milli for pool, _ in pools]) / WHOLE
    asked = sum(one.came * one.shape.accelerators * one.shape.device_milli for one in seen)
    if not asked or not devices.sum() or not rules.segments:
        return ()
    groups = _groups(seen, pools, devices.sum() * WHOLE / asked)
    if not groups.masks:  # nothing that came could ever run here
        return ()
    duals = _spread(_guarded(groups, rules), (devices, cpu), rules)
    factor = rules.bid_ppm / PPM * UNIT
    return tuple(
        Bid(
            *pool.kind,
            round(float(duals[number]) * factor),
            round(float(duals[len(pools) + number]) * factor),
            pool.device_milli,
        )
        for number, (pool, _) in enumerate(pools)
    )


def _groups(seen: tuple[Seen, ...], pools: Sequence[tuple[Pool, int]], times: float) -> _Groups:
    """`times` an arrival of the mix is what would fill all that is free."""
    sums: dict[tuple[tuple[int, ...], int], list[float]] = {}
    arrivals: dict[tuple[tuple[int, ...], bool], float] = {}
    for shape, came, _ in seen:
        mask = tuple(
            number
            for number, (pool, most) in enumerate(pools)
            if accepts(shape, pool.kind[0]) and shape.accelerators <= most
        )
        if not mask or not came:
            continue
        milli = shape.accelerators * shape.device_milli
        ratio = shape.cpu_milli * WHOLE / milli if milli else 0.0
        bucket = 1 + int(np.searchsorted(CPU_MILLI_PER_DEVICE, ratio)) if milli else 0
        total = sums.setdefault((mask, bucket), [0.0, 0.0])
        total[0] += milli / WHOLE * came * times
        total[1] += shape.cpu_milli / WHOLE * came * times
        arrivals[mask, bool(milli)] = arrivals.get((mask, bool(milli)), 0.0) + came * times
    names = sorted(sums)
    return _Groups(
        [mask for mask, _ in names],
        np.array([bucket > 0 for _, bucket in names], np.bool_),
        np.array([sums[name][0] for name in names]),
        np.array([sums[name][1] for name in names]),
        np.array([arrivals[mask, bucket > 0] for mask, bucket in names]),
    )


def _guarded(groups: _Groups, rules: PackingRules) -> _Groups:
    """Work that few pools may hold counts for more than came of it, the rest for less."""
    widest = max(len(mask) for mask in groups.masks)
    flexible = np.array([len(m) * PPM >= rules.flexible_ppm * widest for m in groups.masks])
    chance = rules.guard_chance_ppm / PPM / np.sqrt(np.maximum(groups.arrivals, 0.5))
    more = np.where(flexible, 1.0, 1.0 + rules.guard_ppm / PPM + chance)
    devices, cpu = groups.devices * more, groups.cpu * more
    extra, rest = (devices - groups.devices).sum(), flexible & groups.accelerated
    if extra > 0 and devices[rest].sum() > 0:
        less = np.where(rest, max(LEAST_LEFT, 1 - extra / devices[rest].sum()), 1.0)
        devices, cpu = devices * less, cpu * less
    return groups._replace(devices=devices, cpu=cpu)


def _spread(groups: _Groups, free: tuple[Floats, Floats], rules: PackingRules) -> Floats:
    """Duals of each pool's devices, then of its vCPU.

    Capacity comes in segments that cost more the fuller a pool gets: prices rise before it is full.
    """
    pools, segments = len(free[0]), len(rules.segments)
    flows = [(group, pool) for group, mask in enumerate(groups.masks) for pool in mask]
    group, pool = np.array(flows).T
    count, limits = len(flows), np.arange(2 * pools)
    taken = np.arange(count + 2 * pools * segments)
    rows = [pool, pools + pool, 2 * pools + group, np.repeat(limits, segments)]
    columns = [taken[:count], taken[:count], taken[:count], taken[count:]]
    uses, vcpu = groups.devices[group], groups.cpu[group]
    entries = [uses, vcpu, np.ones(count), -np.ones(2 * pools * segments)]
    parts, prices = np.array(rules.segments, np.float64).T / PPM
    device_per_cpu = 0.5 * free[0].sum() / max(free[1].sum(), 1.0)
    gains = uses + vcpu * (rules.cpu_worth_ppm / PPM)
    size = (2 * pools + len(groups.masks), len(taken))
    most = np.concatenate([np.full(count, np.inf), np.outer(np.concatenate(free), parts).ravel()])
    solved = linprog(
        np.concatenate([-gains, np.tile(prices, pools), np.tile(prices * device_per_cpu, pools)]),
        A_ub=coo_matrix(
            (np.concatenate(entries), (np.concatenate(rows), np.concatenate(columns))), shape=size
        ).tocsr(),
        b_ub=np.concatenate([np.zeros(2 * pools), np.ones(len(groups.masks))]),
        bounds=np.column_stack([np.zeros(size[1]), most]),
        method="highs",
    )
    if solved.status:
        return np.zeros(2 * pools)
    return np.asarray(-solved.ineqlin.marginals[: 2 * pools], np.float64)
