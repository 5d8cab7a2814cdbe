"""Policies to measure beside: fragmentation gradient descent and best fit, as published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tests.bench.openb_protocol import DEVICES_MAX, Place, State
from tests.bench.openb_trace import WHOLE, Pod

POPULAR = 0.95
SPEC_CPU, SPEC_DEVICES = 128_000, 8_000

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def feasible(state: State, pod: Pod) -> Ints:
    fits = (state.cpu >= pod.cpu_milli) & (state.memory >= pod.memory_mib)
    if pod.devices:
        fits &= (state.devices >= pod.milli).sum(axis=1) >= pod.devices
        if pod.models:
            fits &= np.isin(state.model, pod.models)
    return np.flatnonzero(fits)


def best_fit(state: State) -> Place:
    def place(state: State, pod: Pod) -> tuple[int, list[int]] | None:
        nodes = feasible(state, pod)
        if not len(nodes):
            return None
        cpu = state.cpu[nodes] - pod.cpu_milli
        devices = np.maximum(state.devices[nodes], 0).sum(axis=1) - pod.device_milli
        score = (100 * (1 - 0.5 * cpu / SPEC_CPU - 0.5 * devices / SPEC_DEVICES)).astype(int)
        node = int(nodes[score.argmax()])
        return node, _tightest(state.devices[node], pod)

    return place


def gradient_descent(pods: list[Pod]) -> Callable[[State], Place]:
    """FGD, told the mix as published: the shapes that make 95 % of all requests."""
    return lambda state: _Gradient(state, pods)


class _Gradient:
    """Costs by shape and node are kept; what was placed since is looked at anew."""

    def __init__(self, state: State, pods: list[Pod]) -> None:
        counts = Counter((p.cpu_milli, p.milli, p.devices, p.models) for p in pods)
        often = sorted(counts.items(), key=lambda c: (c[1], c[0]), reverse=True)
        kept, total = [], 0
        for shape, count in often:
            if total >= POPULAR * len(pods):
                break
            kept.append((shape, count))
            total += count
        self._weight = np.array([count for _, count in kept]) / total
        self._cpu = np.array([shape[0] for shape, _ in kept])
        self._milli = np.array([shape[1] for shape, _ in kept])
        self._count = np.array([shape[2] for shape, _ in kept])
        self._may = np.array(
            [
                np.isin(state.model, s[3]) if s[3] else np.ones(len(state.model), bool)
                for s, _ in kept
            ]
        )
        self._log: list[int] = []
        self._kept: dict[object, tuple[Floats, Ints, int]] = {}

    def __call__(self, state: State, pod: Pod) -> tuple[int, list[int]] | None:
        scores, device = self._scores(state, pod)
        nodes = feasible(state, pod)
        if not len(nodes):
            return None
        node = int(nodes[scores[nodes].argmax()])
        self._log.append(node)
        if pod.devices == 1 and pod.milli < WHOLE:
            return node, [int(device[node])]
        return node, _tightest(state.devices[node], pod)

    def _scores(self, state: State, pod: Pod) -> tuple[Floats, Ints]:
        key = (pod.cpu_milli, pod.devices, pod.milli)
        size = len(state.cpu)
        found = self._kept.get(key)
        scores, device, seen = found or (np.zeros(size), np.zeros(size, int), -1)
        stale = np.arange(size) if seen < 0 else np.unique(np.array(self._log[seen:], int))
        if len(stale):
            scores[stale], device[stale] = self._gain(state, pod, stale)
        self._kept[key] = (scores, device, len(self._log))
        return scores, device

    def _gain(self, state: State, pod: Pod, nodes: Ints) -> tuple[Floats, Ints]:
        before = self._fragments(state.cpu[nodes], state.devices[nodes], nodes)
        cpu = state.cpu[nodes] - pod.cpu_milli
        best, device = np.full(len(nodes), -np.inf), np.zeros(len(nodes), int)
        share = pod.devices == 1 and pod.milli < WHOLE
        for which in range(DEVICES_MAX if share else 1):
            devices = state.devices[nodes].copy()
            if share:
                devices[:, which] -= pod.milli
            elif pod.devices:
                whole = devices == WHOLE
                devices[whole & (np.cumsum(whole, axis=1) <= pod.devices)] = 0
            gain = before - self._fragments(cpu, devices, nodes)
            score = np.floor(100 / (1 + np.exp(-gain / 1_000)))
            better = (score > best) & (devices[:, which] >= 0 if share else True)
            best[better], device[better] = score[better], which
        return best, device

    def _fragments(self, cpu: Ints, devices: Ints, nodes: Ints) -> Floats:
        free = np.maximum(devices, 0)
        holds = devices[:, None, :] >= self._milli[None, :, None]
        fits = (holds.sum(axis=2) >= self._count) & (cpu[:, None] >= self._cpu)
        fits &= self._may[:, nodes].T & (self._count > 0)
        usable = (free[:, None, :] * holds).sum(axis=2)
        return np.asarray(free.sum(axis=1) - (np.where(fits, usable, 0) * self._weight).sum(axis=1))


def _tightest(devices: Ints, pod: Pod) -> list[int]:
    if not pod.devices:
        return []
    if pod.milli < WHOLE:
        return [int(np.where(devices >= pod.milli, devices, WHOLE + 1).argmin())]
    return [int(device) for device in np.flatnonzero(devices == WHOLE)[: pod.devices]]
