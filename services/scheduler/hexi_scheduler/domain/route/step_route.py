"""ROUTE as a pure step: a request of one partition in, the events it decided (and applied) out."""

from __future__ import annotations

from collections.abc import Iterator

from hexi_scheduler.domain.owed import PlaceOutcome, Report
from hexi_scheduler.domain.place.site_loss import SITE_LOST
from hexi_scheduler.domain.route.backup import leaves_minimum
from hexi_scheduler.domain.route.compare import choice_of
from hexi_scheduler.domain.route.defer import Deferral, deferral, same_wait
from hexi_scheduler.domain.route.retry import forget, retry
from hexi_scheduler.domain.route.route import (
    Cancel,
    HearOffers,
    HearReports,
    Route,
    RouteState,
    Submit,
)
from hexi_scheduler.domain.route.router import RouteEvent, Router
from hexi_scheduler.domain.route.turns import (
    FAIR_SHARE,
    QUOTA,
    held_back,
    is_entitled,
    may_borrow,
    must_queue,
)
from hexi_scheduler.domain.route.urgent import Ask, ask
from hexi_scheduler.domain.route.why_route import Tried, declined, explain
from hexi_scheduler.domain.workload import Workload

JUDGED_PER_STEP_MAX = 500


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
                yield _choose_or_queue(router, workload, at_ms)
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
        yield from retry(router, at_ms, lambda route: _next_turn(router, route, at_ms))
        yield from forget(router, at_ms)


def choose(
    router: Router,
    workload: Workload,
    at_ms: int,
    attempt: int = 0,
    tried: Tried = (),
    rescued: bool = False,
) -> Route:
    """The cheapest site with room, now or at a better hour; else it waits, or is refused."""
    found = _somewhere(router, workload, at_ms, attempt, tried, rescued)
    found = found or _nowhere(router, workload, at_ms, attempt, tried)
    return found._replace(rescued=True) if rescued else found


def _choose_or_queue(
    router: Router, workload: Workload, at_ms: int, attempt: int = 0, tried: Tried = ()
) -> Route:
    """Nobody overtakes those who had no turn yet."""
    if not must_queue(router, workload):
        return choose(router, workload, at_ms, attempt, tried)
    router.unserved.add(router.waiting.line_of(workload))
    why = held_back(router, FAIR_SHARE)
    return Route(workload, RouteState.WAITING, at_ms, attempt=attempt, tried=tried, why_not=why)


def _next_turn(router: Router, route: Route, at_ms: int) -> Route:
    """The decision about one who waits; the route itself where nothing has changed."""
    workload = route.workload
    silent = declined(router, route.tried)
    tried = tuple(t for t in route.tried if t[0] in silent)
    found = _somewhere(router, workload, at_ms, route.attempt, tried, route.rescued)
    if found is None and not len(router.board.ranking(workload, at_ms).keys):
        found = _nowhere(router, workload, at_ms, route.attempt, tried)
    if found is None:
        return route._replace(tried=tried)
    return found._replace(rescued=route.rescued)


def _somewhere(
    router: Router,
    workload: Workload,
    at_ms: int,
    attempt: int,
    tried: Tried,
    rescued: bool = False,
) -> Route | None:
    """A site with room, or with room to be made or kept for it; or a better hour."""
    later = _later(router, workload, at_ms)
    if later is not None:
        waiting = Route(workload, RouteState.WAITING, at_ms, attempt=attempt, tried=tried)
        return waiting._replace(reason=later.reason, deferral=later)
    borrowed = not rescued and not is_entitled(router, workload)
    if borrowed and not may_borrow(router, workload):
        return None
    if not workload.demand.replicas or len(tried) >= router.policy.attempts_max:
        return None
    silent = declined(router, tried)
    ranking = router.board.ranking(workload, at_ms)
    cheapest = router.cheapest_of(ranking, workload, silent)
    asked = Ask(cheapest) if cheapest else ask(router, workload, at_ms, silent, rescued)
    if asked is None or not leaves_minimum(router, workload, asked.choice[2], rescued):
        return None
    cost, site_id, class_id, _ = asked.choice
    choice = choice_of(router, ranking, workload, asked.choice, at_ms)
    return Route(
        workload,
        RouteState.ROUTED,
        at_ms,
        site_id,
        class_id,
        attempt + 1,
        cost,
        tried,
        preempt=asked.preempt,
        claim=asked.claim,
        borrowed=borrowed,
        voucher_id=choice.scores[0].voucher_id,
        choice=choice,
    )


def _nowhere(router: Router, workload: Workload, at_ms: int, attempt: int, tried: Tried) -> Route:
    """It waits; or is refused, since no site could ever hold it."""
    why, refused = explain(router, workload, tried, at_ms)
    if not refused and not is_entitled(router, workload) and not may_borrow(router, workload):
        why = held_back(router, QUOTA)
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
    return None if explain(router, workload, (), at_ms)[1] else found


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
    if route.rescued or report.reason.startswith(SITE_LOST):
        next_route = choose(router, route.workload, at_ms, route.attempt, tried, rescued=True)
    else:
        next_route = _choose_or_queue(router, route.workload, at_ms, route.attempt, tried)
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
        state=RouteState.CANCELLED,
        decided_at_ms=at_ms,
        reason="cancelled",
        why_not=None,
        deferral=None,
    )


def _wake(router: Router, at_ms: int) -> Iterator[Route]:
    """Decide anew about those whose hour has come, and about all when the forecast changed."""
    news = router.board.has_news(at_ms)
    for name in router.deferred.to_judge(at_ms, news, JUDGED_PER_STEP_MAX):
        route = router.routes[name]
        found = choose(router, route.workload, at_ms, route.attempt, route.tried, route.rescued)
        if not same_wait(found.deferral, route.deferral):
            yield found
