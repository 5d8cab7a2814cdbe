"""Turns a mix into tables: what the parts of a server's state are worth to the work that comes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hexi_scheduler.domain.packing.bids import accepts
from hexi_scheduler.domain.packing.mix import MixLearned, Seen, Shape
from hexi_scheduler.domain.packing.rules import PackingRules
from hexi_scheduler.domain.packing.stranded import stranded
from hexi_scheduler.domain.packing.values import values_by_step
from hexi_scheduler.domain.packing.worth import STEP_MILLI, WHOLE, Tables, flat
from hexi_scheduler.domain.place.capacity import Capacity

UNIT = 1_000  # of a table: thousandths of a milli-device
PPM = 1_000_000
STEPS = WHOLE // STEP_MILLI + 1

Floats = NDArray[np.float64]


def tables_of(capacity: Capacity, rules: PackingRules, mix: MixLearned | None) -> NDArray[np.int32]:
    """Worth by pool, as the kernel reads it; the prior counts as if it had come."""
    seen = (*_prior(rules), *(mix.seen if mix else ()))
    common = _common(seen, rules.common_ppm)
    steps = sorted({one.shape.cpu_milli for one in common if one.shape.accelerators})
    device, wholes = _usable(capacity, common, steps)
    if mix and mix.device_values:
        values = values_by_step(mix.device_values, STEPS, STEP_MILLI)
        device += values * (rules.device_value_ppm / PPM)
    watt_worth = mix.watt_worth if mix else 0
    for number, (class_id, _) in enumerate(capacity.pools):
        # A device that wakes costs power: a wholly free one is worth what it does not burn.
        watts = dict(rules.device_w).get(class_id, rules.device_w_other)
        wholes[number] += watt_worth / UNIT * watts * np.arange(wholes.shape[2])
    return flat(
        Tables(
            np.array(steps, np.int32),
            _units(device),
            _units(wholes),
            _units(stranded(capacity, rules, seen)),
            np.full(len(capacity.pools), watt_worth * rules.package_w, np.int32),
            np.array([rules.leftover_cpu_ppm, rules.leftover_device_ppm], np.int32),
        )
    )


def prices_of(capacity: Capacity, mix: MixLearned | None) -> list[tuple[int, int]]:
    """What a milli-device and a milli-vCPU cost in each pool, by its number."""
    bids = {(bid.class_id, bid.executor): (bid.device, bid.cpu) for bid in mix.bids} if mix else {}
    return [bids.get(kind, (0, 0)) for kind in capacity.pools]


def _usable(capacity: Capacity, seen: tuple[Seen, ...], steps: list[int]) -> tuple[Floats, Floats]:
    """By pool and vCPU free: of a device with so much free, and of so many wholes, what is used."""
    pools, most = list(capacity.pools), capacity.columns.devices_max
    one = np.zeros((len(pools), len(steps) + 1, STEPS))
    many = np.zeros((len(pools), len(steps) + 1, most + 1))
    total = sum(entry.weight for entry in seen) or 1
    for shape, _, weight in seen:
        if not weight or not shape.accelerators:
            continue
        row = steps.index(shape.cpu_milli) + 1
        for number, (class_id, _) in enumerate(pools):
            if not accepts(shape, class_id):
                continue
            if shape.accelerators == 1:
                one[number, row:, -(-shape.device_milli // STEP_MILLI) :] += weight / total
            elif shape.accelerators <= most:
                many[number, row:, shape.accelerators :] += weight / total
    return one * np.arange(STEPS) * STEP_MILLI, many * np.arange(most + 1) * WHOLE


def _common(seen: tuple[Seen, ...], common_ppm: int) -> tuple[Seen, ...]:
    """The most frequent shapes that make this part of the mix together."""
    often = sorted(seen, key=lambda one: (-one.weight, one.shape))
    total, above = sum(one.weight for one in often), 0
    kept = []
    for one in often:
        if above * PPM >= common_ppm * total:
            break
        kept.append(one)
        above += one.weight
    return tuple(kept)


def _prior(rules: PackingRules) -> tuple[Seen, ...]:
    return tuple(
        Seen(Shape(cpu, accelerators, milli), weight, weight)
        for cpu, accelerators, milli, weight in rules.prior
    )


def _units(worth: Floats) -> NDArray[np.int32]:
    return np.rint(worth * UNIT).astype(np.int32)
