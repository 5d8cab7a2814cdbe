"""The published protocol of the openb trace: arrivals by seed, who is asked where each goes, and
how much of the accelerators stays unallocated when as much has arrived as there is.

Draws are those of the published evaluator, so that a seed names the same nodes and arrivals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hexi_demo.node_power import ACCELERATOR_W
from numpy.typing import NDArray

from tests.bench import openb_trace
from tests.bench.openb_trace import WHOLE, Node, Pod

TUNE = 1.3
STOP = 1.006
DEVICES_MAX = 8

Place = Callable[["State", Pod], tuple[int, list[int]] | None]


class State:
    """The cluster as the protocol keeps it, to hold whoever places to what fits."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.model = [node.model for node in nodes]
        self.cpu_cap = np.array([node.cpu_milli for node in nodes])
        self.mem_cap = np.array([node.memory_mib for node in nodes])
        self.ngpu = np.array([node.devices for node in nodes])
        self.cpu, self.memory = self.cpu_cap.copy(), self.mem_cap.copy()
        self.devices = np.where(np.arange(DEVICES_MAX) < self.ngpu[:, None], WHOLE, -1)
        self.capacity = int(self.ngpu.sum()) * WHOLE

    def commit(self, node: int, devices: list[int], pod: Pod) -> None:
        self.cpu[node] -= pod.cpu_milli
        self.memory[node] -= pod.memory_mib
        self.devices[node, devices] -= pod.milli
        assert self.cpu[node] >= 0 and self.memory[node] >= 0, "over-allocated"
        assert len(set(devices)) == pod.devices and (self.devices[node, devices] >= 0).all()
        assert not pod.models or not devices or self.model[node] in pod.models, "another model"


class Outcome(NamedTuple):
    """Of one run: percent unallocated at 100 % arrival, and of each tenth of arrival the state."""

    unallocated: float
    tenths: dict[int, tuple[float, float]]  # watts, allocated part of what arrived


def arrivals(pods: list[Pod], capacity: int, dice: np.random.Generator) -> list[Pod]:
    """Every pod in random order, then more drawn with replacement until demand passes TUNE."""
    order = [pods[i] for i in dice.permutation(len(pods))]
    total, target = sum(pod.device_milli for pod in order), TUNE * capacity
    while total > target:
        total -= order.pop(int(dice.integers(len(order)))).device_milli
    if len(order) < len(pods):
        return order
    while True:
        pod = pods[int(dice.integers(len(pods)))]
        if total + pod.milli > target:
            return order
        total += pod.device_milli
        order.append(pod)


def run(
    workload: str, seed: int, placer: Callable[[State], Place], *, watts: bool = False
) -> Outcome:
    """One workload and seed, from empty to just beyond full."""
    dice = np.random.default_rng(seed)
    nodes = openb_trace.nodes()
    state = State([nodes[i] for i in dice.permutation(len(nodes))])
    pods = openb_trace.pods(workload)
    place = placer(state)
    arrived = used = 0
    full: list[float] = []
    tenths: dict[int, tuple[float, float]] = {}
    for pod in arrivals(pods, state.capacity, dice):
        arrived += pod.device_milli
        found = place(state, pod)
        if found is not None:
            state.commit(*found, pod)
            used += pod.device_milli
        if round(100 * arrived / state.capacity) == 100:
            full.append(100 * used / state.capacity)
        tenth = 10 * (len(tenths) + 1)
        if watts and 100 * arrived >= tenth * state.capacity:
            tenths[tenth] = (power_w(state), used / min(arrived, state.capacity))
        if arrived > STOP * state.capacity:
            break
    return Outcome(100 - float(np.mean(full)), tenths)


# Published with PWR as well: packages of 16 cores, idle and with any busy.
OTHER_W = (30, 250)
PACKAGE_W, PACKAGE_CORES = (15, 120), 16


def power_w(state: State) -> float:
    """What all servers draw."""
    idle, busy = _device_w(state, 0), _device_w(state, 1)
    used = state.ngpu - (state.devices == WHOLE).sum(axis=1)
    cores = np.ceil(state.cpu_cap / 2_000)
    packages = np.ceil(cores / PACKAGE_CORES)
    active = np.ceil((cores - np.floor(state.cpu / 2_000)) / PACKAGE_CORES)
    devices = idle * (state.ngpu - used) + busy * used
    return float((devices + PACKAGE_W[0] * (packages - active) + PACKAGE_W[1] * active).sum())


def _device_w(state: State, which: int) -> NDArray[Any]:
    return np.array([ACCELERATOR_W.get(model, OTHER_W)[which] for model in state.model], float)
