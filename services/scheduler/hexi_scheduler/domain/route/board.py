"""All offers as columns, and for each demand the sites and classes it may go to, cheapest first.

A ranking hangs on what seldom changes: standing, prices, sizes, leases, the hour and the policy.
What is free is looked at when a site is chosen, so an offer spoils no ranking.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np

from hexi_scheduler.domain.hours import HOUR_MS, HOURS
from hexi_scheduler.domain.offer import SiteOffer
from hexi_scheduler.domain.route.atlas import Atlas
from hexi_scheduler.domain.route.choice import Score
from hexi_scheduler.domain.route.cost import CostTerms, Stay, stay_of, terms
from hexi_scheduler.domain.route.filters import (
    Around,
    Suitable,
    lease_of,
    objections,
    suitable,
    welcome,
)
from hexi_scheduler.domain.route.news import kinds, outlook, seldom
from hexi_scheduler.domain.route.paid import after_vouchers
from hexi_scheduler.domain.route.ranking import (
    COST_MAX,
    NOTHING,
    RANK_BITS,
    RANK_MASK,
    Ints,
    Ranking,
)
from hexi_scheduler.domain.route.route_policy import RoutePolicy
from hexi_scheduler.domain.route.shelf import Bools, Shelf
from hexi_scheduler.domain.vouchers import NO_COVER, Cover, Voucher, cover
from hexi_scheduler.domain.why import WhyNot
from hexi_scheduler.domain.workload import Demand, Workload

HOUR_S = 3_600
RANKINGS_MAX, ROOMS_MAX = 16_384, 1_024

Candidate = tuple[int, str, str, Suitable]  # cost, site, class, offer
Fitting = list[tuple[Shelf, Bools]]
ByTenant = Mapping[str, tuple[Voucher, ...]]
NO_VOUCHERS: ByTenant = {}


class Board:
    """Made of the newest offers alone; `generation` counts what spoils rankings, `epoch` all."""

    # fmt: off
    __slots__ = (
        "_by_rank", "_hour", "_known", "_policies", "_rankings", "_rooms", "_shelves", "_stale",
        "_told", "_vouchers", "around", "epoch", "forecast", "generation", "offers", "policy",
        "reasons", "scores",
    )
    # fmt: on

    def __init__(self, policies: RoutePolicy, vouchers: ByTenant = NO_VOUCHERS) -> None:
        self._policies = self.policy = policies
        self._vouchers = vouchers
        self.around = Around(Atlas(), policies.domestic_classes)
        self.offers: dict[str, SiteOffer] = {}
        self.generation = self.epoch = self.forecast = 0
        self._hour = self._told = -1
        self._stale: set[str] = set()
        self._known: dict[str, SiteOffer] = {}  # as the columns say
        self._shelves: dict[tuple[str, str], Shelf] = {}
        self._by_rank: list[tuple[Shelf, int]] = []
        self._rankings: dict[tuple[object, ...], Ranking] = {}
        # Kept as rankings are.
        self.reasons: dict[tuple[object, ...], tuple[WhyNot, bool]] = {}
        self.scores: dict[tuple[int, int], Score] = {}  # by key and hours
        self._rooms: dict[tuple[object, ...], Bools] = {}  # of this epoch

    def put(self, offer: SiteOffer) -> None:
        self.offers[offer.site_id] = offer
        self._stale.add(offer.site_id)
        if self.around.atlas.put(offer.site_id, offer.standing.place):
            for shelf in self._shelves.values():
                shelf.forget()

    def turn_to(self, at_ms: int) -> None:
        """Columns as of now: the hour and its policy, and what sites said since."""
        if at_ms // HOUR_MS != self._hour:
            self._hour = at_ms // HOUR_MS
            self.forecast += 1
            self._spoil()
            policy = self._policies.at(at_ms)
            if policy != self.policy:
                self.policy = policy
                self.around = self.around._replace(domestic=policy.domestic_classes)
                self._known.clear()
                self._stale.update(self.offers)
        if self._stale:
            self._catch_up()

    def has_news(self, at_ms: int) -> bool:
        """Whether another hour may be the best one now, since this was asked last."""
        self.turn_to(at_ms)
        told, self._told = self._told, self.forecast
        return told != self.forecast

    def ranking(self, workload: Workload, at_ms: int) -> Ranking:
        """Where nothing speaks against it, with room or without."""
        self.turn_to(at_ms)
        demand = workload.demand
        run_s = workload.duration_s or workload.duration_s_max or self.policy.run_s_unknown
        hours = 1 if run_s <= HOUR_S else min(HOURS, -(-run_s // HOUR_S))
        own = bool(demand.lease_id) or workload.tenant_id in self._vouchers
        tenant_id = workload.tenant_id if own else ""
        # Few of the many durations differ in what they cost. The ranking holds its demand: while
        # it is here, no other has this id.
        moved_s = run_s if own or demand.inputs or demand.output_bytes else 0
        key = (id(demand), hours, moved_s, tenant_id)
        found = self._rankings.get(key)
        if found is None:
            if len(self._rankings) >= RANKINGS_MAX:
                self._rankings.clear()
            stay = stay_of(workload, self.policy, at_ms)
            keys = self._keys(workload, stay, self._fitting(demand), at_ms)
            keys.sort(kind="stable")  # mostly of runs that are sorted
            common = not moved_s and not demand.constraints.latency_region
            found = self._rankings[key] = Ranking(demand, keys, hours if common else 0)
        if found.epoch != self.epoch:
            found.reopen(self.epoch, self._open(found))
        return found

    def starts(self, workload: Workload, at_ms: int) -> tuple[int, ...]:
        """The cheapest key for a start so many hours from now; none where nothing fits."""
        found = self.ranking(workload, at_ms)
        if not found.starts and len(found.keys):
            stay = stay_of(workload, self.policy, at_ms)
            fitting = [(shelf, fits) for shelf, fits in self._fitting(found.demand) if fits.any()]
            if found.demand.lease_id or workload.tenant_id in self._vouchers:
                keys = self._starts_one_by_one(workload, stay, fitting, at_ms)
            else:
                weighed = (self.policy, self.around.atlas)
                days = [s.day_keys(fits, found.demand, stay, weighed) for s, fits in fitting]
                keys = np.minimum.reduce(days).tolist()
            found.starts = tuple(keys)
        return found.starts

    def _starts_one_by_one(
        self, workload: Workload, now: Stay, fitting: Fitting, at_ms: int
    ) -> Iterator[int]:
        """Of work whose price is its own."""
        for wait in range(HOURS):
            stay = now._replace(hour=(now.hour + wait) % HOURS)
            yield int(self._keys(workload, stay, fitting, at_ms + wait * HOUR_MS).min())

    def site_of(self, key: int) -> str:
        return self.place_of(key)[0]

    def place_of(self, key: int) -> tuple[str, str]:
        """The site and class of a key."""
        shelf, row = self._by_rank[key & RANK_MASK]
        return shelf.sites[row], shelf.class_id

    def candidate(self, key: int, workload: Workload) -> Candidate:
        """The site and class of a key, with what is free there now."""
        shelf, row = self._by_rank[key & RANK_MASK]
        found, site_id, demand = shelf.suitable[row], shelf.sites[row], workload.demand
        if demand.lease_id:
            lease = lease_of(self.offers[site_id], demand, workload.tenant_id, found.offer)
            if lease:
                found = Suitable(found.offer, lease.price_micro_yuan, lease)
        return key >> RANK_BITS, site_id, shelf.class_id, found

    def terms(self, key: int, workload: Workload, at_ms: int) -> CostTerms:
        """What the cost of a key is made of, for a start at that time."""
        _, site_id, _, choice = self.candidate(key, workload)
        stay = stay_of(workload, self.policy, at_ms)
        site, atlas = self.offers[site_id], self.around.atlas
        return terms(self.policy, atlas, site, choice, workload.demand, stay)

    def cover(self, of: Candidate, workload: Workload, at_ms: int) -> Cover:
        """What a voucher pays of a candidate's price."""
        vouchers = self._vouchers.get(workload.tenant_id)
        if not vouchers or workload.demand.lease_id:
            return NO_COVER
        unit_slots = workload.demand.units * stay_of(workload, self.policy, at_ms).slots
        return cover(vouchers, of[1:3], of[3].price_micro_yuan, unit_slots, at_ms)

    def _welcoming(self, demand: Demand) -> list[Shelf]:
        wished = demand.constraints.executor
        return [
            shelf
            for (class_id, executor), shelf in self._shelves.items()
            if executor == wished and welcome(class_id, demand, self.around)
        ]

    def _fitting(self, demand: Demand) -> Fitting:
        atlas = self.around.atlas
        return [(shelf, shelf.fitting(demand, atlas)) for shelf in self._welcoming(demand)]

    def _keys(self, workload: Workload, stay: Stay, fitting: Fitting, at_ms: int) -> Ints:
        demand = workload.demand
        if demand.lease_id:
            return self._leased_keys(demand, workload.tenant_id, stay)
        weighed = (self.policy, self.around.atlas)
        found = [shelf.keys(fits, demand, stay, weighed) for shelf, fits in fitting]
        vouchers = self._vouchers.get(workload.tenant_id)
        if vouchers:
            unit_slots = demand.units * stay.slots
            pairs = zip(found, fitting, strict=True)
            found = [after_vouchers(k, s, vouchers, unit_slots, at_ms) for k, (s, _) in pairs]
        return np.concatenate(found) if found else NOTHING.copy()

    def _leased_keys(self, demand: Demand, tenant_id: str, stay: Stay) -> Ints:
        """One by one: few sites have the lease."""
        keys = []
        for site_id, site in self.offers.items():
            if objections(site, demand, tenant_id, self.around):
                continue
            for choice in suitable(site, demand, tenant_id, self.around):
                cost = terms(self.policy, self.around.atlas, site, choice, demand, stay).total
                shelf = self._shelves[choice.offer.class_id, choice.offer.executor]
                keys.append(
                    min(cost, COST_MAX) << RANK_BITS | int(shelf.ranks[shelf.row_of[site_id]])
                )
        return np.array(keys, np.int64)

    def _open(self, ranking: Ranking) -> Ints:
        demand = ranking.demand
        if demand.lease_id or not len(ranking.keys):
            return ranking.keys
        return np.compress(self._room(demand)[ranking.keys & RANK_MASK], ranking.keys)

    def _room(self, demand: Demand) -> Bools:
        """By rank, where a demand may fit now: the same for all that differ in other wishes."""
        wished = demand.constraints
        key = (demand.resources, demand.replicas, wished.executor, wished.domestic_only)
        room = self._rooms.get(key)
        if room is None:
            if len(self._rooms) >= ROOMS_MAX:
                self._rooms.clear()
            room = self._rooms[key] = np.zeros(len(self._by_rank), np.bool_)
            for shelf in self._welcoming(demand):
                room[shelf.ranks] = shelf.with_room(demand)
        return room

    def _catch_up(self) -> None:
        stale, self._stale = sorted(self._stale), set()
        self.epoch += 1
        self._rooms.clear()
        if not all(self._has_rows(self.offers[name]) for name in stale):
            self._rebuild()
            return
        for site_id in stale:
            offer, known = self.offers[site_id], self._known[site_id]
            changed = seldom(offer) != seldom(known)
            if changed:
                self.forecast += outlook(offer) != outlook(known)
                self._spoil()
            self._write(offer, changed)

    def _has_rows(self, offer: SiteOffer) -> bool:
        known = self._known.get(offer.site_id)
        return known is not None and kinds(known) == kinds(offer)

    def _rebuild(self) -> None:
        """Another site, or another kind of server in one: all rows move."""
        sites: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for site_id in sorted(self.offers):
            for kind in kinds(self.offers[site_id]):
                sites[kind].append(site_id)
        self._shelves = {kind: Shelf(*kind, sites[kind]) for kind in sorted(sites)}
        self._by_rank = []
        for site_id in sorted(self.offers):
            for kind in kinds(self.offers[site_id]):
                shelf = self._shelves[kind]
                row = shelf.row_of[site_id]
                shelf.ranks[row] = len(self._by_rank)
                self._by_rank.append((shelf, row))
            self._write(self.offers[site_id], changed=True)
        self.forecast += 1
        self._spoil()

    def _write(self, offer: SiteOffer, changed: bool) -> None:
        for c in offer.classes:
            shelf = self._shelves[c.class_id, c.executor]
            row = shelf.row_of[offer.site_id]
            if changed:
                shelf.put_kind(row, offer, c, self.policy)
            shelf.put_free(row, c)
        self._known[offer.site_id] = offer

    def _spoil(self) -> None:
        self.generation += 1
        self._rankings.clear()
        self.reasons.clear()
        self.scores.clear()
