"""What each tenant would hold if dominant resources were shared fairly, and what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

Amounts = Sequence[int]  # of each resource
NEGLIGIBLE = 1e-9


class Share(NamedTuple):
    """Dominant shares, 0 to 1: as it is, and as progressive filling would make it."""

    held: float
    fair: float


def shares(
    held: Mapping[str, Amounts],
    wanted: Mapping[str, Amounts],
    capacity: Amounts,
    weights: Mapping[str, int],
) -> dict[str, Share]:
    """`wanted` is what a tenant holds and waits for together."""
    fair = fair_shares(wanted, capacity, weights)
    return {
        tenant: Share(dominant(held.get(tenant, ()), capacity), fair.get(tenant, 0.0))
        for tenant in sorted(weights)
    }


def dominant(amounts: Amounts, capacity: Amounts) -> float:
    return max((a / c for a, c in zip(amounts, capacity, strict=False) if c), default=0.0)


def fair_shares(
    wanted: Mapping[str, Amounts], capacity: Amounts, weights: Mapping[str, int]
) -> dict[str, float]:
    """Raise all dominant shares by weight until a demand is met or a resource is used up."""
    top = {t: dominant(wanted.get(t, ()), capacity) for t in weights}
    active = {t for t in weights if top[t] > 0}
    given = dict.fromkeys(weights, 0.0)
    left = [1.0 if c else 0.0 for c in capacity]
    while active:
        # What a unit of weighted share costs each resource, as a part of its capacity.
        slope = {
            t: [
                weights[t] * (w / c / top[t] if c else 0.0)
                for w, c in zip(wanted[t], capacity, strict=True)
            ]
            for t in active
        }
        sums = [sum(slope[t][r] for t in active) for r in range(len(capacity))]
        step = min((top[t] - given[t]) / weights[t] for t in active)
        step = min([step, *(left[r] / s for r, s in enumerate(sums) if s > NEGLIGIBLE)])
        for t in active:
            given[t] += weights[t] * step
        left = [free - step * s for free, s in zip(left, sums, strict=True)]
        full = {r for r, free in enumerate(left) if free <= NEGLIGIBLE}
        active = {
            t
            for t in active
            if given[t] < top[t] - NEGLIGIBLE and not any(slope[t][r] > NEGLIGIBLE for r in full)
        }
    return given
