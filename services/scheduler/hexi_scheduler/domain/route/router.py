"""The state of one partition of ROUTE: what the events of its journal add up to."""

from __future__ import annotations

from hexi_scheduler.domain.offer import SiteOffer
from hexi_scheduler.domain.route.board import Board, Candidate
from hexi_scheduler.domain.route.deferred import Deferred, Running
from hexi_scheduler.domain.route.drf import Shares
from hexi_scheduler.domain.route.filters import Around
from hexi_scheduler.domain.route.pieces import may_pause
from hexi_scheduler.domain.route.ranking import Ranking
from hexi_scheduler.domain.route.room import NOTHING, Debit, has_room, within_share
from hexi_scheduler.domain.route.route import ROUTED, WAITING, Route, RouteForgotten
from hexi_scheduler.domain.route.route_policy import RoutePolicy
from hexi_scheduler.domain.route.routes import Load, Routes
from hexi_scheduler.domain.route.waiting import Line, Waiting
from hexi_scheduler.domain.rules import NO_RULES, Rules
from hexi_scheduler.domain.workload import Workload

RouteEvent = Route | RouteForgotten | SiteOffer


class Router:
    """Changed by `apply` alone, so that a rebuild from the journal is the state that was."""

    # fmt: off
    __slots__ = (
        "board", "debits", "deferred", "finished", "keeping", "routes", "rules", "running",
        "shares", "spared", "unserved", "waiting", "yielding",
    )
    # fmt: on

    def __init__(self, policy: RoutePolicy, rules: Rules = NO_RULES) -> None:
        self.board = Board(policy, rules.tenants.vouchers)
        self.rules = rules
        self.routes = Routes()
        self.finished: dict[str, int] = {}  # over since, in the order they ended
        self.waiting = Waiting(rules)
        self.shares = Shares(rules.tenants)
        self.unserved: set[Line] = set()  # had no turn in the last round; a rebuild forgets them
        self.yielding: set[str] = set()  # sites where some work could be made to yield
        self.keeping: set[str] = set()  # sites where something is kept for claims
        self.spared: set[str] = set()  # sites that keep something back
        self.deferred = Deferred()
        self.running = Running()  # what could be stopped for a better hour
        self.debits: dict[tuple[str, str, str], Debit] = {}

    def apply(self, event: RouteEvent) -> None:
        if isinstance(event, Route):
            self._apply_route(event)
        elif isinstance(event, SiteOffer):
            self._apply_offer(event)
        else:
            self.routes.forget(event.workload_id)
            self.finished.pop(event.workload_id, None)

    def recover_unread(
        self, name: str, over_since_ms: int | None, load: Load, runs_in_pieces: bool = False
    ) -> None:
        """A route that does not wait, as a recovery finds it; what it debited is forgotten."""
        self.routes.put_unread(name, load)
        if runs_in_pieces:
            self.running.change(name, True)
        if over_since_ms is not None:
            self.finished[name] = over_since_ms

    @property
    def policy(self) -> RoutePolicy:
        """The one in force."""
        return self.board.policy

    @property
    def offers(self) -> dict[str, SiteOffer]:
        return self.board.offers

    @property
    def around(self) -> Around:
        return self.board.around

    def candidates(self, workload: Workload, at_ms: int) -> tuple[Candidate, ...]:
        """Sites and classes that nothing speaks against, cheapest first, then by name."""
        keys = self.board.ranking(workload, at_ms).keys.tolist()
        return tuple(self.board.candidate(key, workload) for key in keys)

    def cheapest(
        self, workload: Workload, at_ms: int, without: frozenset[str] = frozenset()
    ) -> Candidate | None:
        """With room: if it can be within our share of it, else the first beyond."""
        return self.cheapest_of(self.board.ranking(workload, at_ms), workload, without)

    def cheapest_of(
        self, ranking: Ranking, workload: Workload, without: frozenset[str]
    ) -> Candidate | None:
        """The same, of a ranking of the workload as of now."""
        partitions = self.board.policy.partitions
        at, found = self._first(workload, ranking, ranking.near, without, partitions)
        if not without:
            ranking.near = at
        if found is None:
            at, found = self._first(workload, ranking, ranking.beyond, without, 0)
            if not without:
                ranking.beyond = at
        return found

    def _first(
        self,
        workload: Workload,
        ranking: Ranking,
        start: int,
        without: frozenset[str],
        partitions: int,
    ) -> tuple[int, Candidate | None]:
        """With room, from a place in the ranking on; without partitions nobody else counts."""
        candidate, open_keys, demand = self.board.candidate, ranking.open, workload.demand
        for at in range(start, len(open_keys)):
            choice = candidate(int(open_keys[at]), workload)
            _, site_id, class_id, found = choice
            if site_id in without:
                continue
            debit = self.debits.get((site_id, class_id, found.offer.executor), NOTHING)
            if has_room(found, demand, debit) and (
                not partitions or within_share(found, demand, debit, partitions)
            ):
                return at, choice
        return len(open_keys), None

    def debit(self, choice: Candidate) -> Debit:
        _, site_id, class_id, found = choice
        return self.debits.get((site_id, class_id, found.offer.executor), NOTHING)

    def _apply_route(self, new: Route) -> None:
        workload = new.workload
        name = workload.workload_id
        old = self.routes.get(name)
        waited = old is not None and old.state is WAITING and not old.deferral
        if new.state is WAITING and not new.deferral:
            if not waited:
                self.waiting.put(workload)
        elif waited:
            self.waiting.drop(workload)
        if new.deferral or (old and old.deferral):
            self.deferred.change(name, old.deferral if old else None, new.deferral)
        if new.state is ROUTED and (old is None or old.attempt != new.attempt):
            demand = workload.demand
            key = (new.site_id, new.class_id, demand.constraints.executor)
            self.debits[key] = self.debits.get(key, NOTHING).plus(demand)
            self.shares.give(new.site_id, workload)
        if workload.checkpoint_interval_s and may_pause(workload):
            goes_on = not new.pause_requested and not new.cancel_requested
            self.running.change(name, new.state is ROUTED and goes_on)
        self.routes[name] = new
        if new.over:
            self.finished[name] = new.decided_at_ms

    def _apply_offer(self, offer: SiteOffer) -> None:
        site_id = offer.site_id
        self.shares.hear(self.offers.get(site_id), offer)
        fair = offer.fair
        (self.yielding.add if fair.yielding else self.yielding.discard)(site_id)
        (self.keeping.add if fair.backfill else self.keeping.discard)(site_id)
        (self.spared.add if offer.spare else self.spared.discard)(site_id)
        known = self.offers.get(site_id, offer)
        for c in (*known.classes, *offer.classes):
            self.debits.pop((site_id, c.class_id, c.executor), None)
        self.board.put(offer)
