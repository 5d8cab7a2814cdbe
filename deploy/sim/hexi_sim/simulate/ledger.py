"""An audit beside the run, from journal records alone: capacity per server, one end a workload."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
from hexi.scheduler.v1 import place_pb2, workload_pb2
from numpy.typing import NDArray

from hexi_sim.simulate.fleet import Fleet

WHOLE = 1_000
LIVE = (
    place_pb2.PLACEMENT_STATE_PLACED,
    place_pb2.PLACEMENT_STATE_STARTED,
)
FINAL = (
    workload_pb2.WORKLOAD_STATE_REFUSED,
    workload_pb2.WORKLOAD_STATE_ENDED,
    workload_pb2.WORKLOAD_STATE_CANCELLED,
)
NAMES: dict[int, str] = {
    number: name.removeprefix("WORKLOAD_STATE_").lower()
    for name, number in workload_pb2.WorkloadState.items()
}
Table = NDArray[np.int64]


class Held(NamedTuple):
    """What a live placement keeps."""

    placement: place_pb2.PlacementRecord
    tenant_id: str


class SiteLedger:
    """Free capacity of each server of one site; a device that does not exist has -1."""

    def __init__(self, fleet: Fleet) -> None:
        servers = fleet.server_set
        self.fleet = fleet
        self.cpu_milli = np.array(servers.cpu_milli, dtype=np.int64)
        self.memory_mib = np.array(servers.memory_mib, dtype=np.int64)
        self.accelerators = np.array(servers.accelerators, dtype=np.int64)
        self.cpu_milli_all, self.memory_mib_all = self.cpu_milli.copy(), self.memory_mib.copy()
        most = max(1, int(self.accelerators.max(initial=0)))
        exists = np.arange(most) < self.accelerators[:, None]
        self.device_milli = np.where(exists, WHOLE, -1).astype(np.int64)
        self.live: dict[str, Held] = {}

    def move(self, placement: place_pb2.PlacementRecord, sign: int) -> bool:
        """Take (-1) or give back (1); whether nothing is over-taken after it."""
        asked = placement.workload.spec.resources
        good = True
        for part in placement.allocations:
            server = part.server
            self.cpu_milli[server] += sign * max(1, asked.cpu_milli)
            self.memory_mib[server] += sign * asked.memory_mib
            for device in part.devices:
                self.device_milli[server, device] += sign * part.device_milli
                good = good and 0 <= self.device_milli[server, device] <= WHOLE
            good = good and self.cpu_milli[server] >= 0 and self.memory_mib[server] >= 0
        return bool(good)


class Ledger:
    """Every workload and placement of a run; `wrong` names each breach once."""

    def __init__(self, fleets: list[Fleet]) -> None:
        self.sites = {fleet.spec.site: SiteLedger(fleet) for fleet in fleets}
        self.submitted: dict[str, int] = {}  # at
        self.started: dict[str, int] = {}  # first start
        self.state: dict[str, int] = {}
        self.kind: dict[str, str] = {}
        self.tenant: dict[str, str] = {}
        self.wrong: list[str] = []
        self.evicted: Counter[str] = Counter()
        self.wasted_ms = 0  # accelerator-milliseconds of runs that were stopped

    def placed(self, placement: place_pb2.PlacementRecord, now_ms: int) -> None:
        """A record of PLACE."""
        site, name = self.sites[placement.site_id], placement.placement_id
        held = site.live.get(name)
        live = placement.state in LIVE
        if live and held is None and not site.move(placement, -1):
            self.wrong.append(f"{name}: over-takes a server of {placement.site_id}")
        if not live and held is not None:
            site.move(held.placement, 1)
            del site.live[name]
        if live:
            site.live[name] = Held(placement, placement.workload.tenant_id)
        if placement.state == place_pb2.PLACEMENT_STATE_STARTED:
            self.started.setdefault(placement.workload.workload_id, now_ms)
        if placement.state == place_pb2.PLACEMENT_STATE_EVICTED:
            self._evicted(placement, now_ms)

    def forgotten(self, site_id: str, placement_id: str) -> None:
        """A tombstone of PLACE; nothing that lives may be forgotten."""
        if placement_id in self.sites[site_id].live:
            self.wrong.append(f"{placement_id}: forgotten while it held capacity")

    def routed(self, workload_id: str, state: int) -> None:
        """A record of ROUTE; what is over stays over."""
        before = self.state.get(workload_id)
        if before in FINAL and state != before:
            self.wrong.append(f"{workload_id}: ended twice, as {before} and {state}")
        self.state[workload_id] = state

    def states(self) -> dict[str, int]:
        """How many workloads are in each state; exactly one each."""
        submitted = workload_pb2.WORKLOAD_STATE_SUBMITTED
        found = Counter(self.state.get(name, submitted) for name in self.submitted)
        return {NAMES[state]: found[state] for state in sorted(found)}

    def _evicted(self, placement: place_pb2.PlacementRecord, now_ms: int) -> None:
        if placement.preempted_by:
            self.evicted["preempted"] += 1
            self.wasted_ms += placement.wasted_accelerator_ms
            return
        self.evicted[placement.reason.partition(":")[0] or "unsaid"] += 1
        if placement.started_at_ms:
            spec = placement.workload.spec
            ran_ms = max(0, now_ms - placement.started_at_ms)
            if spec.interruptible and spec.checkpoint_interval_s:
                ran_ms %= spec.checkpoint_interval_s * 1_000
            self.wasted_ms += spec.resources.accelerators * max(1, spec.replicas) * ran_ms
