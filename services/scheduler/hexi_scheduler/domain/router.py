"""The state of one partition of ROUTE: what the events of its journal add up to."""

from __future__ import annotations

from bisect import bisect_left, insort

from hexi_scheduler.domain.atlas import Atlas
from hexi_scheduler.domain.cost import stay_of, terms
from hexi_scheduler.domain.filters import Around, Suitable, objections, suitable
from hexi_scheduler.domain.offer import SiteOffer
from hexi_scheduler.domain.room import NOTHING, Debit
from hexi_scheduler.domain.route import Route, RouteForgotten, RouteState
from hexi_scheduler.domain.route_policy import RoutePolicy
from hexi_scheduler.domain.routes import Load, Routes
from hexi_scheduler.domain.workload import Demand, Workload

CANDIDATES_MAX = 4_096

RouteEvent = Route | RouteForgotten | SiteOffer
Candidate = tuple[int, str, str, Suitable]  # cost, site, class, offer


class Router:
    """Changed by `apply` alone, so that a rebuild from the journal is the state that was."""

    def __init__(self, policy: RoutePolicy) -> None:
        self.policy = policy
        self.offers: dict[str, SiteOffer] = {}
        self.around = Around(Atlas(), policy.domestic_classes)
        self.routes = Routes()
        self.finished: dict[str, int] = {}  # over since, in the order they ended
        self.waiting: list[tuple[int, int, str]] = []  # most urgent and oldest first
        self.debits: dict[tuple[str, str, str], Debit] = {}
        self._candidates: dict[tuple[Demand, str], tuple[Candidate, ...]] = {}

    def apply(self, event: RouteEvent) -> None:
        if isinstance(event, Route):
            self._apply_route(event)
        elif isinstance(event, SiteOffer):
            self._apply_offer(event)
        else:
            self.routes.forget(event.workload_id)
            self.finished.pop(event.workload_id, None)

    def recover_unread(self, name: str, over_since_ms: int | None, load: Load) -> None:
        """A route that does not wait, as a recovery finds it; what it debited is forgotten."""
        self.routes.put_unread(name, load)
        if over_since_ms is not None:
            self.finished[name] = over_since_ms

    def candidates(self, workload: Workload) -> tuple[Candidate, ...]:
        """Sites and classes that nothing speaks against, cheapest first, then by name."""
        demand = workload.demand
        key = (demand, workload.tenant_id if demand.lease_id else "")
        found = self._candidates.get(key)
        if found is None:
            if len(self._candidates) >= CANDIDATES_MAX:
                self._candidates.clear()
            ranked = self._rank(workload)
            found = self._candidates[key] = tuple(sorted(ranked, key=lambda c: c[:3]))
        return found

    def debit(self, choice: Candidate) -> Debit:
        _, site_id, class_id, found = choice
        return self.debits.get((site_id, class_id, found.offer.executor), NOTHING)

    def _rank(self, workload: Workload) -> list[Candidate]:
        ranked = []
        demand, tenant_id, around = workload.demand, workload.tenant_id, self.around
        stay = stay_of(workload, self.policy, 0)
        for site_id, offer in self.offers.items():
            if objections(offer, demand, tenant_id, around):
                continue
            for found in suitable(offer, demand, tenant_id, around):
                cost = terms(self.policy, around.atlas, offer, found, demand, stay).total
                ranked.append((cost, site_id, found.offer.class_id, found))
        return ranked

    def _apply_route(self, new: Route) -> None:
        workload = new.workload
        name = workload.workload_id
        old = self.routes.get(name)
        place = (-workload.priority, workload.submitted_at_ms, name)
        waited = old is not None and old.state is RouteState.WAITING
        if new.state is RouteState.WAITING:
            if not waited:
                insort(self.waiting, place)
        elif waited:
            del self.waiting[bisect_left(self.waiting, place)]
        if new.state is RouteState.ROUTED and (old is None or old.attempt != new.attempt):
            demand = workload.demand
            key = (new.site_id, new.class_id, demand.constraints.executor)
            self.debits[key] = self.debits.get(key, NOTHING).plus(demand)
        self.routes[name] = new
        if new.over:
            self.finished[name] = new.decided_at_ms

    def _apply_offer(self, offer: SiteOffer) -> None:
        site_id = offer.site_id
        self.offers[site_id] = offer
        self.around.atlas.put(site_id, offer.standing.place)
        for key in [key for key in self.debits if key[0] == site_id]:
            del self.debits[key]
        # The candidates carry what is free: they are ranked anew on first use.
        self._candidates.clear()
