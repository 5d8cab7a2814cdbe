"""The state of one site: what the events of its journal add up to."""

from __future__ import annotations

from hexi_scheduler.domain.facts import Condition, Quarantine, Reservation, ServerSet, SiteFacts
from hexi_scheduler.domain.latency import LatencyMeasured
from hexi_scheduler.domain.owed import SLOT_MS, Owed, owed_by, windows
from hexi_scheduler.domain.packing.mix import Arrivals, MixLearned
from hexi_scheduler.domain.place.capacity import Capacity
from hexi_scheduler.domain.place.case import Case, misrouted
from hexi_scheduler.domain.place.failures import Failures
from hexi_scheduler.domain.place.hunt import Hunt
from hexi_scheduler.domain.place.keeping import Keeping
from hexi_scheduler.domain.place.leases import Peaks, peaks
from hexi_scheduler.domain.place.place_events import (
    ClockMoved,
    ConditionChanged,
    PlaceEvent,
    PlacementForgotten,
    PreemptionCounted,
    ReservationChanged,
)
from hexi_scheduler.domain.place.pool import Pool
from hexi_scheduler.domain.place.site_use import SiteUse, total_of
from hexi_scheduler.domain.placement import CLAIMED, STARTED, Placement
from hexi_scheduler.domain.use import NO_USE
from hexi_scheduler.domain.workload import Constraints, Demand, Resources

Choice = tuple[int, str, Pool]  # price, class, servers
CASES_MAX = 8_192


class Site:
    """Changed by `apply` alone, so that a rebuild from the journal is the state that was.

    `revision` grows with every change: the number after the command that made it.
    """

    # fmt: off
    __slots__ = (
        "_cases", "_choices", "_peaks", "_regained", "arrivals", "billed_until_ms", "capacity",
        "claims", "deadlines", "drawn", "facts", "failures", "finished", "held", "hunt", "keeping",
        "kept", "latency", "mix", "now_ms", "out", "placements", "preempted", "prices",
        "quarantines", "reservations", "revision", "running", "server_set", "site_id", "total",
        "use",
    )
    # fmt: on

    def __init__(self, site_id: str) -> None:
        self.site_id = site_id
        self.revision = 0
        self.facts: SiteFacts | None = None
        self.prices: dict[str, int] = {}
        self.server_set: ServerSet | None = None
        self.capacity = Capacity(())
        self.out: dict[Condition, tuple[int, ...]] = {}
        self.quarantines: dict[str, Quarantine] = {}
        self.placements: dict[str, Placement] = {}
        self.running: set[str] = set()
        self.finished: dict[str, int] = {}  # over since, in the order they ended
        self.deadlines: dict[str, int] = {}
        self.failures = Failures()
        self.reservations: dict[str, Reservation] = {}
        self.drawn: dict[str, int] = {}
        self.held: dict[str, int] = {}
        self.total = NO_USE
        self.use = SiteUse()
        self.claims: dict[str, Placement] = {}
        self.kept: frozenset[int] = frozenset()  # servers that claims wait for
        self._regained = False
        self.hunt = Hunt()
        self.preempted = PreemptionCounted(0)
        self.mix: MixLearned | None = None
        self.arrivals = Arrivals()
        self.keeping = Keeping()
        self.latency = LatencyMeasured(())
        self.now_ms = 0
        self.billed_until_ms = 0
        self._cases: dict[int, Case] = {}
        self._choices: dict[tuple[Resources, Constraints], tuple[Choice, ...]] = {}
        self._peaks: dict[str, Peaks] = {}

    def apply(self, event: PlaceEvent) -> None:
        """Take the event in."""
        if isinstance(event, Placement):
            self._apply_placement(event)
        elif isinstance(event, ClockMoved):
            self.now_ms, self.billed_until_ms = event.now_ms, event.billed_until_ms
            self._hold()
        elif isinstance(event, PlacementForgotten):
            forgotten = self.placements.pop(event.placement_id, None)
            if forgotten is not None:
                self.failures.count(forgotten, -1)
            self.finished.pop(event.placement_id, None)
        elif isinstance(event, ConditionChanged):
            self._apply_condition(event)
        elif isinstance(event, ReservationChanged):
            self._apply_reservation(event)
        elif isinstance(event, ServerSet):
            self._apply_servers(event)
        elif isinstance(event, PreemptionCounted):
            self.preempted = event
        elif isinstance(event, MixLearned):
            self.mix = event
            self.arrivals.fold(event.until_ms)
        elif isinstance(event, SiteFacts):
            self.facts, self.prices = event, dict(event.prices)
            self._choices.clear()
            self._cases.clear()
        elif isinstance(event, LatencyMeasured):
            self.latency = event
        else:
            self.keeping.apply(event)

    def owed(self, event: PlaceEvent) -> list[Owed]:
        """What the event owes to others; asked after `apply`, or again after a recovery."""
        if isinstance(event, Placement):
            return owed_by(event)
        if not isinstance(event, ClockMoved) or event.billed_from_ms == event.billed_until_ms:
            return []
        owed: list[Owed] = []
        for name in sorted(self.running):
            placement = self.placements[name]
            start_ms = max(placement.run.started_at_ms, event.billed_from_ms)
            owed.extend(windows(placement, start_ms, event.billed_until_ms))
        return owed

    def choices(self, demand: Demand) -> tuple[Choice, ...]:
        """The pools that could hold a replica, cheapest first, then by class."""
        key = (demand.resources, demand.constraints)
        found = self._choices.get(key)
        if found is None and self.facts is not None:
            found = self._choices[key] = tuple(
                sorted(
                    (
                        (self.prices.get(class_id, 0), class_id, pool)
                        for (class_id, executor), pool in self.capacity.pools.items()
                        if executor == demand.constraints.executor
                        and demand.accepts_class(class_id)
                    ),
                    key=lambda choice: choice[:2],
                )
            )
        return found or ()

    def case(self, demand: Demand) -> Case:
        # A case holds its demand: while it is here, no other has this id.
        found = self._cases.get(id(demand))
        if found is None:
            if len(self._cases) >= CASES_MAX:
                self._cases.clear()
            choices = self.choices(demand)
            prices = tuple(dict.fromkeys(price for price, _, _ in choices))
            tiers = tuple(tuple(pool for at, _, pool in choices if at == p) for p in prices)
            why = misrouted(self.site_id, self.facts, demand) if self.facts else ""
            found = self._cases[id(demand)] = Case(demand, why, prices, tiers)
        return found

    def billed_until(self, placement: Placement) -> int:
        """Up to where the usage of a started placement is out."""
        return max(placement.run.started_at_ms, self.billed_until_ms)

    def drawable(self, demand: Demand, tenant_id: str, at_ms: int) -> Reservation | None:
        """The lease the demand names, when it is this tenant's, in force, and has the units."""
        lease = self.reservations.get(demand.lease_id)
        if lease is None or lease.tenant_id != tenant_id:
            return None
        left = lease.units - self.drawn.get(lease.lease_id, 0)
        in_force = lease.start_ms <= at_ms < lease.end_ms
        return lease if in_force and left >= demand.units else None

    def peaks(self, class_id: str) -> Peaks:
        """What leases of a class keep, by how far one looks ahead."""
        found = self._peaks.get(class_id)
        if found is None:
            leases = [r for r in self.reservations.values() if r.class_id == class_id]
            found = self._peaks[class_id] = peaks(leases, self.drawn, self.now_ms)
        return found

    def regained(self) -> bool:
        """Whether servers that are kept got something back since this was asked last."""
        regained, self._regained = self._regained, False
        return regained

    def _apply_placement(self, new: Placement) -> None:
        name, live = new.placement_id, new.live
        old = self.placements.get(name)
        if old is None or old.state is CLAIMED:
            self._count_arrival(new)
        held = old if old is not None and old.live else None
        if live and held is None:
            self._take(new)
            self._account(new, 1)
        elif held is not None and not live:
            self._give(held)
            self._account(held, -1)
        self.placements[name] = new
        if new.state is CLAIMED:
            self.claims[name] = new
            self._keep_claims()
            return
        if self.claims and self.claims.pop(name, None) is not None:
            self._keep_claims()
        if new.state is STARTED:
            self.running.add(name)
            if new.workload.duration_s_max:
                length_ms = new.workload.duration_s_max * 1_000
                self.deadlines[name] = new.run.started_at_ms + length_ms
        elif not live:
            self.running.discard(name)
            self.deadlines.pop(name, None)
            self.finished[name] = max(new.run.ended_at_ms, new.placed_at_ms)
            if held is not None or old is None:
                self.failures.count(new, 1)

    def _count_arrival(self, new: Placement) -> None:
        """Once each, when it is first decided: a claim is not yet."""
        folded_ms = self.mix.until_ms if self.mix else 0
        if new.placed_at_ms >= folded_ms and new.state is not CLAIMED:
            self.arrivals.count(new.workload.demand, new.placed_at_ms)

    def _account(self, placement: Placement, sign: int) -> None:
        if placement.tariff.lease_id:
            self._draw(placement, sign)
        self.use.count(placement, sign)
        self.keeping.count(placement, sign)

    def _take(self, placement: Placement) -> None:
        asked = placement.workload.demand.resources
        for allocation in placement.allocations:
            # In a compacted journal a placement may stand before its servers, which take it later.
            if self.capacity.knows(allocation.server):
                self.capacity.take(allocation, asked)

    def _give(self, placement: Placement) -> None:
        asked = placement.workload.demand.resources
        for allocation in placement.allocations:
            if self.capacity.knows(allocation.server):
                self.capacity.give(allocation, asked)
                if self.kept and allocation.server in self.kept:
                    self._regained = True

    def _draw(self, placement: Placement, sign: int) -> None:
        lease_id = placement.tariff.lease_id
        left = self.drawn.pop(lease_id, 0) + sign * placement.units
        if left:
            self.drawn[lease_id] = left
        self._hold()

    def _hold(self) -> None:
        """Count what leases in force, or about to be, keep from everybody else."""
        self.held.clear()
        self._peaks.clear()
        for lease in self.reservations.values():
            if lease.start_ms - SLOT_MS <= self.now_ms < lease.end_ms:
                left = lease.units - self.drawn.get(lease.lease_id, 0)
                if left > 0:
                    self.held[lease.class_id] = self.held.get(lease.class_id, 0) + left

    def _apply_condition(self, event: ConditionChanged) -> None:
        self.out[event.condition] = event.servers
        if event.condition is Condition.QUARANTINED:
            self.quarantines = {q.directive_id: q for q in event.quarantines}
        self.capacity.bar(event.condition, event.servers)

    def _keep_claims(self) -> None:
        """What claims wait for is out of everybody's reach; claims themselves lift the bar."""
        parts = (part for claim in self.claims.values() for part in claim.allocations)
        self.kept = frozenset(part.server for part in parts)
        self.capacity.bar(Condition.CLAIMED, self.kept)

    def _apply_reservation(self, event: ReservationChanged) -> None:
        lease = event.reservation
        if event.over:
            self.reservations.pop(lease.lease_id, None)
        else:
            self.reservations[lease.lease_id] = lease
        self._hold()

    def _apply_servers(self, event: ServerSet) -> None:
        self.server_set = event
        self.capacity = Capacity(event.servers)
        self.total = total_of(event.servers)
        self.keeping.adopt(event)
        self._choices.clear()
        self._cases.clear()
        for condition, servers in self.out.items():
            self.capacity.bar(condition, servers)
        if self.claims:
            self._keep_claims()
        for placement in self.placements.values():
            if placement.live:
                self._take(placement)
