"""Devices that a server's free vCPU can not feed: expected, by the mix of what came."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from hexi_scheduler.domain.packing.bids import accepts
from hexi_scheduler.domain.packing.columns import CPU_TOTAL
from hexi_scheduler.domain.packing.mix import Seen, Shape
from hexi_scheduler.domain.packing.rules import PackingRules
from hexi_scheduler.domain.packing.worth import CPU_STEP_MILLI, TOTAL_STEP_MILLI
from hexi_scheduler.domain.place.capacity import Capacity
from hexi_scheduler.domain.workload import WHOLE

PPM = 1_000_000
LEAST = 1e-9

Floats = NDArray[np.float64]


def stranded(capacity: Capacity, rules: PackingRules, seen: Iterable[Seen]) -> Floats:
    """By pool, free vCPU and free devices: the milli-devices lost, by the price of losing one."""
    steps = int(capacity.columns.cells[:, CPU_TOTAL].max(initial=0)) // CPU_STEP_MILLI + 1
    most = capacity.columns.devices_max * (WHOLE // TOTAL_STEP_MILLI) + 1
    cpu = (np.arange(steps, dtype=np.float64) + 0.5)[:, None] * (CPU_STEP_MILLI / WHOLE)
    devices = np.arange(most, dtype=np.float64)[None, :] * (TOTAL_STEP_MILLI / WHOLE)
    lost = np.zeros((len(capacity.pools), steps, most))
    came = [(one.shape, one.weight) for one in seen if one.weight]
    accelerated = [(shape, weight) for shape, weight in came if shape.accelerators]
    if not accelerated or not rules.stranded_ppm:
        return lost
    # All that comes takes vCPU: on each device that is filled, work without devices its part.
    others = _sum(came, _cpu) / max(_sum(accelerated, _cpu), LEAST)
    classes = [class_id for class_id, _ in capacity.pools]
    for number, class_id in enumerate(classes):
        here = [(s, w * _scarcity(s, classes)) for s, w in accelerated if accepts(s, class_id)]
        if here:
            mean = _sum(here, _cpu) / _sum(here, _devices)
            spread = _spread(here, mean) * (rules.stranded_spread_ppm / PPM) ** 2
            lost[number] = _expected(mean * others, spread, cpu, devices)
    return lost * WHOLE * (rules.stranded_ppm / PPM)


def _expected(per_device: float, spread: float, cpu: Floats, devices: Floats) -> Floats:
    """Of a normal demand for vCPU by the devices that are free, what goes beyond, in devices."""
    deviation = np.sqrt(np.maximum(spread * devices, LEAST))
    beyond = per_device * devices - cpu
    z = beyond / deviation
    density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    return np.asarray((beyond * ndtr(z) + deviation * density) / max(per_device, LEAST))


def _spread(came: list[tuple[Shape, float]], mean: float) -> float:
    """How the vCPU of work varies around its mean per device, per device."""
    return sum(w * (_cpu(s) - mean * _devices(s)) ** 2 for s, w in came) / _sum(came, _devices)


def _scarcity(shape: Shape, classes: list[str]) -> float:
    """Work that few pools may hold weighs more in each of them."""
    return len(classes) / max(1, sum(accepts(shape, class_id) for class_id in classes))


def _sum(came: Iterable[tuple[Shape, float]], of: Callable[[Shape], float]) -> float:
    return sum(weight * of(shape) for shape, weight in came)


def _cpu(shape: Shape) -> float:
    return shape.cpu_milli / WHOLE


def _devices(shape: Shape) -> float:
    return shape.accelerators * shape.device_milli / WHOLE
