"""Samples of a run: how full, how broken up, how much power, whose share."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from hexi.common.v1 import common_pb2
from hexi.scheduler.v1 import workload_pb2

from hexi_sim.simulate.fairness import Share, shares
from hexi_sim.simulate.ledger import WHOLE, Ledger, SiteLedger

SHAPES_MAX = 24
ASLEEP_PERCENT = 10  # of idle watts, what a server without work draws
MILLI_WS_PER_KWH = 3_600_000_000

Shape = tuple[int, int, int, int]  # cpu milli, memory MiB, accelerators, milli each


class Sample(NamedTuple):
    """One look at all sites."""

    at_ms: int
    cpu_used: float
    accelerators_used: float
    broken: float  # of all accelerator capacity: free, but of no use to what is asked for
    it_w: int
    energy_ws: int  # since the start, with the overhead of the sites
    carbon_g: int
    waiting: int
    running: int
    evicted: int
    preempted: int
    shares: Mapping[str, Share]


class Meter:
    """Adds energy up between samples, and remembers what was asked for lately."""

    def __init__(self, ledger: Ledger, weights: Mapping[str, int]) -> None:
        self._ledger, self._weights = ledger, weights
        self._mix: Counter[Shape] = Counter()
        self._at_ms: int | None = None
        self._w: dict[str, int] = {}
        self._energy_ws = 0
        self._carbon_mg = 0
        self.asked: dict[str, tuple[str, workload_pb2.WorkloadSpec]] = {}

    def submitted(self, name: str, tenant_id: str, spec: workload_pb2.WorkloadSpec) -> None:
        self._mix[shape_of(spec.resources)] += 1
        self.asked[name] = (tenant_id, spec)

    def sample(self, now_ms: int, carbon: Mapping[str, int]) -> Sample:
        """Energy since the last sample is counted at the watts of that sample."""
        self._burn(now_ms, carbon)
        sites = self._ledger.sites
        self._w = {name: it_watts(site) for name, site in sites.items()}
        final = {"ended", "refused", "cancelled"}
        states = self._ledger.states()
        running = sum(len(site.live) for site in sites.values())
        return Sample(
            now_ms,
            _used([site.cpu_milli for site in sites.values()], _all_cpu(sites)),
            _used([np.maximum(s.device_milli, 0) for s in sites.values()], _all_devices(sites)),
            fragmentation(list(sites.values()), self._mix),
            sum(self._w.values()),
            self._energy_ws,
            self._carbon_mg // 1_000,
            sum(n for state, n in states.items() if state not in final) - running,
            running,
            sum(self._ledger.evicted.values()),
            self._ledger.evicted["preempted"],
            self._shares(),
        )

    def _burn(self, now_ms: int, carbon: Mapping[str, int]) -> None:
        if self._at_ms is not None:
            length_ms = now_ms - self._at_ms
            for name, watts in self._w.items():
                pue_milli = self._ledger.sites[name].fleet.spec.pue_milli
                milli_ws = watts * length_ms * pue_milli // 1_000
                self._energy_ws += milli_ws // 1_000
                self._carbon_mg += milli_ws * carbon[name] * 1_000 // MILLI_WS_PER_KWH
        self._at_ms = now_ms

    def _shares(self) -> dict[str, Share]:
        held: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        wanted: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        state = self._ledger.state
        open_states = (workload_pb2.WORKLOAD_STATE_WAITING, workload_pb2.WORKLOAD_STATE_ROUTED)
        for site in self._ledger.sites.values():
            for placement, tenant_id in site.live.values():
                _add(held[tenant_id], placement.workload.spec)
        for name, (tenant_id, spec) in list(self.asked.items()):
            if state.get(name, workload_pb2.WORKLOAD_STATE_WAITING) in open_states:
                _add(wanted[tenant_id], spec)
            else:
                del self.asked[name]
        sites = self._ledger.sites
        memory = sum(int(site.memory_mib_all.sum()) for site in sites.values())
        return shares(held, wanted, [_all_cpu(sites), memory, _all_devices(sites)], self._weights)


def shape_of(asked: common_pb2.Resources) -> Shape:
    milli = asked.accelerator_milli or WHOLE
    return asked.cpu_milli, asked.memory_mib, asked.accelerators, milli


def fragmentation(sites: Sequence[SiteLedger], mix: Mapping[Shape, int]) -> float:
    """Free accelerator capacity that a request drawn from the mix could not use, over all of it."""
    asked = [(s, n) for s, n in Counter(mix).most_common(SHAPES_MAX) if s[2]]
    weight = sum(n for _, n in asked)
    everything = sum(int(site.accelerators.sum()) for site in sites) * WHOLE
    if not weight or not everything:
        return 0.0
    lost = 0
    for site in sites:
        free = np.maximum(site.device_milli, 0)
        total = free.sum(axis=1)
        for (cpu, memory, count, milli), n in asked:
            roomy = (site.cpu_milli >= cpu) & (site.memory_mib >= memory)
            fitting = free >= milli
            fits = roomy & (fitting.sum(axis=1) >= count)
            useless = np.where(fits, np.where(fitting, 0, free).sum(axis=1), total)
            lost += int(useless.sum()) * n
    return lost / weight / everything


def it_watts(site: SiteLedger) -> int:
    """Servers without work sleep; the others draw by what is taken of them."""
    fleet = site.fleet
    cpu_taken = site.cpu_milli_all - site.cpu_milli
    exists = site.device_milli >= 0
    devices_taken = np.where(exists, WHOLE - site.device_milli, 0).sum(axis=1)
    busy = (cpu_taken > 0) | (devices_taken > 0)
    idle_w = np.where(busy, fleet.idle_w, fleet.idle_w * ASLEEP_PERCENT // 100)
    cpu_w = fleet.cpu_w * cpu_taken // np.maximum(site.cpu_milli_all, 1)
    return int((idle_w + cpu_w + fleet.accelerator_w * devices_taken // WHOLE).sum())


def _used(free: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.int64]]], all_of: int) -> float:
    return 1 - sum(int(part.sum()) for part in free) / all_of if all_of else 0.0


def _all_cpu(sites: Mapping[str, SiteLedger]) -> int:
    return sum(int(site.cpu_milli_all.sum()) for site in sites.values())


def _all_devices(sites: Mapping[str, SiteLedger]) -> int:
    return sum(int(site.accelerators.sum()) for site in sites.values()) * WHOLE


def _add(amounts: list[int], spec: workload_pb2.WorkloadSpec) -> None:
    cpu, memory, count, milli = shape_of(spec.resources)
    replicas = max(1, spec.replicas)
    amounts[0] += cpu * replicas
    amounts[1] += memory * replicas
    amounts[2] += count * milli * replicas
