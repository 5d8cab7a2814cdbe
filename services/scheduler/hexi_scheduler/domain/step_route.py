"""ROUTE as a pure step: a request of one partition in, the events it decided (and applied) out."""

from __future__ import annotations

from collections.abc import Iterator

from hexi_scheduler.domain.board import Candidate
from hexi_scheduler.domain.defer import Deferral, deferral
from hexi_scheduler.domain.filters import FILTERS, NEVER, objections
from hexi_scheduler.domain.owed import PlaceOutcome, Report
from hexi_scheduler.domain.route import (
    Cancel,
    HearOffers,
    HearReports,
    Route,
    RouteForgotten,
    RouteState,
    Submit,
)
from hexi_scheduler.domain.router import RouteEvent, Router
from hexi_scheduler.domain.why import FilterCount, WhyNot
from hexi_scheduler.domain.workload import Demand, Workload

RETRIES_PER_OFFER_MAX = 500
LOOKED_AT_MAX = 5_000
# Who was declined as often as the policy allows is not asked at every offer any more.
OFTEN_DECLINED_WAIT_MS = 60 * 1_000
REMEMBER_MS = 60 * 60 * 1_000
REMEMBER_MAX = 50_000
FORGET_PER_STEP_MAX = 2_000

Tried = tuple[tuple[str, int], ...]


def step(
    router: Router, request: Submit | Cancel | HearReports | HearOffers, at_ms: int
) -> list[RouteEvent]:
    """Decide and apply. A request seen again, whole or in part, decides only what is missing."""
    events: list[RouteEvent] = []
    for event in _decide(router, request, at_ms):
        router.apply(event)
        events.append(event)
    return events


def _decide(
    router: Router, request: Submit | Cancel | HearReports | HearOffers, at_ms: int
) -> Iterator[RouteEvent]:
    # Every event is applied before the generator is asked for the next.
    if isinstance(request, Submit):
        for workload in request.workloads:
            if workload.workload_id not in router.routes:
                yield choose(router, workload, at_ms)
    elif isinstance(request, HearReports):
        for report in request.reports:
            yield from _hear_report(router, report, at_ms)
    elif isinstance(request, Cancel):
        yield from _cancel(router, request, at_ms)
    else:
        for offer in request.offers:
            known = router.offers.get(offer.site_id)
            if known is None or offer.revision > known.revision:
                yield offer
        yield from _wake(router, at_ms)
        yield from _retry(router, at_ms)
        yield from _forget(router, at_ms)


def choose(
    router: Router, workload: Workload, at_ms: int, attempt: int = 0, tried: Tried = ()
) -> Route:
    """The cheapest site with room, now or at a better hour; else it waits, or is refused."""
    later = _later(router, workload, at_ms)
    if later is not None:
        waiting = Route(workload, RouteState.WAITING, at_ms, attempt=attempt, tried=tried)
        return waiting._replace(reason=later.reason, deferral=later)
    if workload.demand.replicas and len(tried) < router.policy.attempts_max:
        found = _cheapest(router, workload, tried, at_ms)
        if found is not None:
            cost, site_id, class_id, _ = found
            return Route(
                workload,
                RouteState.ROUTED,
                at_ms,
                site_id,
                class_id,
                attempt + 1,
                cost,
                tried,
            )
    why, refused = explain(router, workload, tried)
    state = RouteState.REFUSED if refused else RouteState.WAITING
    reason = why.nearest_miss if refused else ""
    return Route(workload, state, at_ms, attempt=attempt, tried=tried, reason=reason, why_not=why)


def _later(router: Router, workload: Workload, at_ms: int) -> Deferral | None:
    """Until when it had better wait; what no site could ever hold is refused at once."""
    if not workload.deadline_ms and not workload.not_before_ms:
        return None
    found = deferral(router.board, workload, at_ms)
    if found is None or len(router.board.ranking(workload, at_ms).keys):
        return found
    return None if explain(router, workload, ())[1] else found


def _cheapest(router: Router, workload: Workload, tried: Tried, at_ms: int) -> Candidate | None:
    declined = frozenset(name for name, at in tried if _declined(router, name, ((name, at),)))
    return router.cheapest(workload, at_ms, declined)


def _declined(router: Router, site_id: str, tried: Tried) -> bool:
    offer = router.offers.get(site_id)
    return any(name == site_id and offer and offer.revision <= at for name, at in tried)


def explain(router: Router, workload: Workload, tried: Tried) -> tuple[WhyNot, bool]:
    """What each filter took away, and whether no site could ever hold it."""
    demand = workload.demand
    sites: dict[str, int] = dict.fromkeys((*FILTERS, "declined", "room"), 0)
    servers = dict.fromkeys(sites, 0)
    never = bool(router.offers)
    total = 0
    nearest: tuple[int, str, str] = (-1, "", "")
    order = {name: rank for rank, name in enumerate(sites)}
    for site_id in sorted(router.offers):
        offer = router.offers[site_id]
        size = sum(c.servers for c in offer.classes)
        total += size
        against = objections(offer, demand, workload.tenant_id, router.around)
        never = never and not NEVER.isdisjoint(against)
        held_back = "declined" if _declined(router, site_id, tried) else "room"
        first = against[0] if against else held_back
        sites[first] += 1
        servers[first] += size
        if order[first] > nearest[0]:
            nearest = (order[first], site_id, ", ".join(against) or first)
    refused = never or not demand.replicas
    filters = tuple(FilterCount(n, sites[n], servers[n]) for n in sites if sites[n])
    return WhyNot(filters, len(router.offers), total, _nearest(demand, nearest)), refused


def _nearest(demand: Demand, nearest: tuple[int, str, str]) -> str:
    rank, site_id, against = nearest
    if rank < 0:
        return "no site is known yet"
    asked = demand.resources
    return (
        f"{site_id} fails by {against}: asked {demand.replicas} x {asked.cpu_milli} milli-vCPU, "
        f"{asked.memory_mib} MiB, {asked.accelerators} accelerators"
    )


def _hear_report(router: Router, report: Report, at_ms: int) -> Iterator[Route]:
    route = router.routes.get(report.workload_id)
    if route is None or route.state is not RouteState.ROUTED or route.attempt != report.attempt:
        return
    if report.outcome is PlaceOutcome.ENDED:
        yield route._replace(
            state=RouteState.ENDED, decided_at_ms=at_ms, reason=report.reason, why_not=None
        )
    elif route.cancel_requested or report.outcome is PlaceOutcome.CANCELLED:
        yield _cancelled(route, at_ms)
    else:
        yield _again(router, route, report, at_ms)


def _again(router: Router, route: Route, report: Report, at_ms: int) -> Route:
    offer = router.offers.get(route.site_id)
    refusal = (route.site_id, offer.revision if offer else 0)
    tried = (*(t for t in route.tried if t[0] != route.site_id), refusal)
    next_route = choose(router, route.workload, at_ms, route.attempt, tried)
    return next_route if next_route.reason else next_route._replace(reason=report.reason)


def _cancel(router: Router, request: Cancel, at_ms: int) -> Iterator[Route]:
    route = router.routes.get(request.workload_id)
    if route is None or route.over or route.workload.tenant_id != request.tenant_id:
        return
    if route.state is RouteState.WAITING:
        yield _cancelled(route, at_ms)
    elif not route.cancel_requested:
        yield route._replace(cancel_requested=True, decided_at_ms=at_ms, reason="cancelling")


def _cancelled(route: Route, at_ms: int) -> Route:
    return route._replace(
        state=RouteState.CANCELLED, decided_at_ms=at_ms, reason="cancelled", why_not=None
    )


def _wake(router: Router, at_ms: int) -> Iterator[Route]:
    """Decide anew about those whose hour has come, and about all when the forecast changed."""
    news = router.board.has_news(at_ms)
    due = router.deferred if news else router.deferred[: router.due(at_ms)]
    for _, name in due[:LOOKED_AT_MAX]:
        route = router.routes[name]
        found = choose(router, route.workload, at_ms, route.attempt, route.tried)
        if found.deferral != route.deferral:
            yield found


def _retry(router: Router, at_ms: int) -> Iterator[Route]:
    """Give the most urgent and oldest another chance; a demand that failed once fails for all."""
    hopeless: set[tuple[Demand, str]] = set()
    routed = 0
    for _, _, name in router.waiting[:LOOKED_AT_MAX]:
        route = router.routes[name]
        workload = route.workload
        key = (workload.demand, workload.tenant_id)
        if key in hopeless:
            continue
        often = route.attempt >= router.policy.attempts_max
        if often and at_ms < route.decided_at_ms + OFTEN_DECLINED_WAIT_MS:
            continue
        tried = tuple(t for t in route.tried if _declined(router, t[0], (t,)))
        found = choose(router, workload, at_ms, route.attempt, tried)
        if found.state is RouteState.WAITING and not found.deferral:
            if not tried:
                hopeless.add(key)
            continue
        yield found
        routed += 1
        if routed == RETRIES_PER_OFFER_MAX:
            return


def _forget(router: Router, at_ms: int) -> Iterator[RouteForgotten]:
    surplus = len(router.finished) - REMEMBER_MAX
    forgotten: list[RouteForgotten] = []
    for name, over_ms in router.finished.items():
        count = len(forgotten)
        if count == FORGET_PER_STEP_MAX and count >= surplus:
            break
        if count >= surplus and over_ms > at_ms - REMEMBER_MS:
            break
        forgotten.append(RouteForgotten(name))
    yield from forgotten
