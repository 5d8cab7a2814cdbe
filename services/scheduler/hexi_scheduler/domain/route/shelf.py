"""One class and executor in all sites that have it, as columns: what `filters`, `room` and `cost`
say of one site, said of all at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hexi_scheduler.domain.hours import HOURS
from hexi_scheduler.domain.offer import ClassOffer, SiteOffer
from hexi_scheduler.domain.route.atlas import Atlas
from hexi_scheduler.domain.route.cost import PPM, Stay, burn_by_hour
from hexi_scheduler.domain.route.data_cost import DATA_MICRO_YUAN_MAX, move_cost, moves
from hexi_scheduler.domain.route.filters import Suitable, latency_us
from hexi_scheduler.domain.route.ranking import COST_MAX, RANK_BITS
from hexi_scheduler.domain.route.route_policy import RoutePolicy
from hexi_scheduler.domain.workload import WHOLE, Demand

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Weighed = tuple[RoutePolicy, Atlas]

DEVICES_MAX = 64
CACHED_MAX = 1_024
UNMEASURED = -1


class Shelf:
    """Rows are sites in the order of their names; `ranks` orders rows of all shelves."""

    def __init__(self, class_id: str, executor: str, sites: list[str]) -> None:
        self.class_id, self.executor, self.sites = class_id, executor, sites
        self.row_of = {site_id: row for row, site_id in enumerate(sites)}
        self.suitable = [Suitable(ClassOffer(""), 0, None)] * len(sites)
        self._site: list[SiteOffer | None] = [None] * len(sites)
        self.ranks = np.zeros(len(sites), np.int64)
        # admitted, grade, state-owned, failure ppm, then servers and the largest, and the price
        self._kind = np.zeros((9, len(sites)), np.int64)
        self._free = np.zeros((5, len(sites)), np.int64)
        self._whole = np.zeros((DEVICES_MAX, len(sites)), np.int64)
        self._devices = 0
        self._burn = np.zeros((2, HOURS, len(sites)), np.int64)
        self._sums: Ints | None = None
        self._cached: dict[object, Ints] = {}

    def put_kind(self, row: int, site: SiteOffer, c: ClassOffer, policy: RoutePolicy) -> None:
        """What seldom changes."""
        said = site.standing
        self._site[row] = site
        self._kind[:, row] = (
            said.admitted,
            said.security_grade,
            said.state_owned_cloud,
            said.failure_ppm,
            c.servers,
            c.cpu_milli_largest,
            c.memory_mib_largest,
            c.accelerators_largest,
            c.price_micro_yuan,
        )
        self._burn[:, :, row] = burn_by_hour(policy, site, c.class_id)
        self.forget()

    @property
    def prices(self) -> Ints:
        """As listed, by row."""
        prices: Ints = self._kind[8]
        return prices

    def put_free(self, row: int, c: ClassOffer) -> None:
        """What changes all the time."""
        self.suitable[row] = Suitable(c, c.price_micro_yuan, None)
        self._free[:, row] = (
            c.cpu_milli_free,
            c.memory_mib_free,
            c.accelerator_milli_free,
            c.cpu_milli_free_max,
            c.memory_mib_free_max,
        )
        whole = c.servers_with_free_accelerators[:DEVICES_MAX]
        self._devices = max(self._devices, len(whole))
        self._whole[: len(whole), row] = whole
        self._whole[len(whole) : self._devices, row] = 0

    def forget(self) -> None:
        """Something changed that columns were made from."""
        self._sums = None
        self._cached.clear()

    def fitting(self, demand: Demand, atlas: Atlas) -> Bools:
        """Rows that no filter removes; leases and kinds are the caller's to look at."""
        admitted, grade, state_owned, _, servers, cpu, memory, devices, price = self._kind
        asked, wished = demand.resources, demand.constraints
        fits = cpu >= asked.cpu_milli
        fits &= memory >= asked.memory_mib
        fits &= admitted != 0
        if asked.accelerators:
            fits &= devices >= asked.accelerators
        if demand.replicas > 1:
            fits &= servers * _replicas_max(cpu, devices, demand) >= demand.replicas
        else:
            fits &= servers != 0
        if wished.security_grade_min:
            fits &= grade >= wished.security_grade_min
        if wished.state_owned_cloud:
            fits &= state_owned.astype(bool)
        if demand.price_micro_yuan_max > 0:
            fits &= price <= demand.price_micro_yuan_max
        self._narrow(fits, demand, atlas)
        return fits

    def keys(self, fits: Bools, demand: Demand, stay: Stay, weighed: Weighed) -> Ints:
        """Of the rows that fit; sorted where only standing and hour make the cost."""
        order, keys = self._standing_keys(stay, weighed[0])
        if not demand.constraints.latency_region and not moves(demand):
            return keys[fits[order]]
        costs = self._standing_costs(stay, weighed[0]) + self._added_costs(demand, stay, weighed)
        return self._keys_of(costs)[fits]

    def day_keys(self, fits: Bools, demand: Demand, stay: Stay, weighed: Weighed) -> Ints:
        """The least of the rows that fit (some do), for such a stay so many hours later."""
        costs = self._day_costs(stay.hours, weighed[0]) + self._added_costs(demand, stay, weighed)
        return np.roll(self._keys_of(costs)[:, fits].min(axis=1), -stay.hour)

    def _keys_of(self, costs: Ints) -> Ints:
        keys: Ints = np.minimum(costs, COST_MAX) << RANK_BITS | self.ranks
        return keys

    def _added_costs(self, demand: Demand, stay: Stay, weighed: Weighed) -> Ints:
        """Of latency and data, by row: the same at every hour."""
        policy, atlas = weighed
        found = np.zeros(len(self.sites), np.int64)
        region = demand.constraints.latency_region
        if region:
            one_way_us = np.maximum(self._latencies(region), 0)
            found += one_way_us * policy.latency_micro_yuan_per_ms // 1_000
        if moves(demand):
            found += self._data_costs(demand, stay, policy, atlas)
        return found

    def with_room(self, demand: Demand) -> Bools:
        """Where a demand may fit; may say yes where `has_room` says no, never the other way."""
        cpu, memory, milli, cpu_max, memory_max = self._free
        asked, replicas = demand.resources, demand.replicas
        fits = cpu_max >= asked.cpu_milli
        fits &= memory_max >= asked.memory_mib
        fits &= cpu >= asked.cpu_milli * replicas
        fits &= memory >= asked.memory_mib * replicas
        if asked.accelerators:
            fits &= milli >= asked.accelerators * asked.device_milli * replicas
            if asked.device_milli >= WHOLE:
                fits &= self._whole_replicas(asked.accelerators, replicas) >= replicas
        return fits

    def _whole_replicas(self, step: int, replicas: int) -> Ints:
        """Replicas of so many devices each that wholly free ones can hold."""
        counts = self._whole[step - 1 : step if replicas == 1 else self._devices : step]
        found: Ints = counts[0] if len(counts) == 1 else counts.sum(0)
        return found

    def _narrow(self, fits: Bools, demand: Demand, atlas: Atlas) -> None:
        """The wishes that few have."""
        wished = demand.constraints
        if wished.site_ids:
            fits &= self._where(("site", wished.site_ids), lambda s: s.site_id in wished.site_ids)
        if wished.regions:
            regions = wished.regions
            fits &= self._where(("region", regions), lambda s: s.standing.region in regions)
        if wished.latency_region:
            one_way_us = self._latencies(wished.latency_region)
            fits &= (one_way_us != UNMEASURED) & (one_way_us <= wished.latency_us_max)
        if wished.distance_km_min:
            key = ("far", wished.distance_from_site_id, wished.distance_km_min)
            fits &= self._where(key, lambda s: atlas.is_far_enough(s.site_id, wished))

    def _standing_keys(self, stay: Stay, policy: RoutePolicy) -> tuple[Ints, Ints]:
        key = ("keys", stay.hour, stay.hours)
        found = self._cached.get(key)
        if found is None:
            keys = self._keys_of(self._standing_costs(stay, policy))
            order = keys.argsort()
            found = self._keep(key, np.stack((order, keys[order])))
        rows, in_order = found
        return rows, in_order

    def _standing_costs(self, stay: Stay, policy: RoutePolicy) -> Ints:
        """Micro-yuan per unit and slot, by row."""
        key = ("cost", stay.hour, stay.hours)
        found = self._cached.get(key)
        if found is None:
            sums = self._burn_sums()
            burnt = sums[:, stay.hour + stay.hours] - sums[:, stay.hour]
            found = self._keep(key, self._weigh(burnt // stay.hours, policy))
        return found

    def _day_costs(self, hours: int, policy: RoutePolicy) -> Ints:
        """The same, of a stay from each hour of a day."""
        found = self._cached.get(("day", hours))
        if found is None:
            sums = self._burn_sums()
            burnt = sums[:, hours : hours + HOURS] - sums[:, :HOURS]
            found = self._keep(("day", hours), self._weigh(burnt // hours, policy))
        return found

    def _burn_sums(self) -> Ints:
        """Two more days, so that a stay from any hour is one difference of sums."""
        if self._sums is None:
            days = np.concatenate([self._burn] * 3, axis=1)
            self._sums = np.zeros((2, days.shape[1] + 1, days.shape[2]), np.int64)
            np.cumsum(days, axis=1, out=self._sums[:, 1:])
        return self._sums

    def _weigh(self, burnt: Ints, policy: RoutePolicy) -> Ints:
        paid: Ints = self._kind[8] + burnt.sum(0)
        lost_ppm: Ints = self._kind[3] * policy.risk_loss_milli // 1_000
        paid += lost_ppm * paid // PPM
        return paid

    def _data_costs(self, demand: Demand, stay: Stay, policy: RoutePolicy, atlas: Atlas) -> Ints:
        total = np.zeros(len(self.sites), np.int64)
        for other, size in moves(demand):
            hub = atlas.hub_of(other)
            cost = np.full(len(self.sites), move_cost(policy, size, in_hub=False), np.int64)
            if hub:
                same = self._where(("hub", hub), partial(_stands_in, hub))
                cost[same] = move_cost(policy, size, in_hub=True)
            row = self.row_of.get(other)
            if row is not None:
                cost[row] = 0
            total += cost
        return np.minimum(DATA_MICRO_YUAN_MAX, total // max(1, demand.units * stay.slots))

    def _latencies(self, region: str) -> Ints:
        found = self._cached.get(("latency", region))
        if found is None:
            measured = [
                UNMEASURED if (us := latency_us(site, region)) is None else us
                for site in self._site
                if site is not None
            ]
            found = self._keep(("latency", region), np.array(measured, np.int64))
        return found

    def _where(self, key: object, holds: Callable[[SiteOffer], bool]) -> Bools:
        found = self._cached.get(key)
        if found is None:
            said = [holds(site) for site in self._site if site is not None]
            found = self._keep(key, np.array(said, np.int64))
        return found.astype(bool)

    def _keep(self, key: object, column: Ints) -> Ints:
        if len(self._cached) >= CACHED_MAX:
            self._cached.clear()
        self._cached[key] = column
        return column


def _stands_in(hub: str, site: SiteOffer) -> bool:
    return site.standing.hub == hub


def _replicas_max(cpu: Ints, devices: Ints, demand: Demand) -> Ints:
    """At most so many replicas on the largest server, when it is empty."""
    asked = demand.resources
    per_server_max = demand.constraints.replicas_per_server_max
    most = np.full(len(cpu), per_server_max or demand.replicas, np.int64)
    if asked.cpu_milli:
        most = np.minimum(most, cpu // asked.cpu_milli)
    if asked.accelerators:
        most = np.minimum(most, devices * WHOLE // (asked.accelerators * asked.device_milli))
    return most
