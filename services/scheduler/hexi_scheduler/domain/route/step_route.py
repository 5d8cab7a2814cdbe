"""ROUTE as a pure step: a request of one partition in, the events it decided (and applied) out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hexi_scheduler.domain.closures import SITE_LOST
from hexi_scheduler.domain.owed import PlaceOutcome, Report
from hexi_scheduler.domain.route.backup import leaves_minimum
from hexi_scheduler.domain.route.compare import choice_of
from hexi_scheduler.domain.route.defer import Deferral, deferral, in_pieces, pause, same_wait
from hexi_scheduler.domain.route.past import NO_PAST, Past
from hexi_scheduler.domain.route.pieces import rest_of
from hexi_scheduler.domain.route.retry import forget, retry
from hexi_scheduler.domain.route.route import (
    CANCELLED,
    ENDED,
    REFUSED,
    ROUTED,
    WAITING,
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
from hexi_scheduler.domain.route.urgent import ask
from hexi_scheduler.domain.route.why_route import declined, explain
from hexi_scheduler.domain.workload import Workload

JUDGED_PER_STEP_MAX = 500
RUNNING_JUDGED_PER_STEP_MAX = 100


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


def choose(router: Router, workload: Workload, at_ms: int, past: Past = NO_PAST) -> Route:
    """The cheapest site with room, now or at a better hour; else it waits, or is refused."""
    found = _somewhere(router, workload, at_ms, past)
    return found or _nowhere(router, workload, at_ms, past)


def _choose_or_queue(router: Router, workload: Workload, at_ms: int, past: Past = NO_PAST) -> Route:
    """Nobody overtakes those who had no turn yet."""
    if not must_queue(router, workload):
        return choose(router, workload, at_ms, past)
    router.unserved.add(router.waiting.line_of(workload))
    return _waiting(workload, at_ms, past, why_not=held_back(router, FAIR_SHARE))


def _waiting(workload: Workload, at_ms: int, past: Past, **how: Any) -> Route:
    return Route(workload, WAITING, at_ms, **past._asdict(), **how)


def _next_turn(router: Router, route: Route, at_ms: int) -> Route:
    """The decision about one who waits; the route itself where nothing has changed."""
    workload = route.workload
    silent = declined(router, route.tried)
    past = route.past._replace(tried=tuple(t for t in route.tried if t[0] in silent))
    found = _somewhere(router, workload, at_ms, past)
    if found is None and not len(router.board.ranking(workload, at_ms).keys):
        found = _nowhere(router, workload, at_ms, past)
    return found or route._replace(tried=past.tried)


def _somewhere(router: Router, whole: Workload, at_ms: int, past: Past) -> Route | None:
    """A site with room, or with room to be made or kept for it; or a better hour."""
    _, tried, rescued, done_s = past
    workload = rest_of(whole, done_s) if done_s else whole
    later = _later(router, workload, at_ms)
    if later is not None:
        return _waiting(whole, at_ms, past, reason=later.reason, deferral=later)
    borrowed = not rescued and not is_entitled(router, workload)
    if borrowed and not may_borrow(router, workload):
        return None
    if not workload.demand.replicas or len(tried) >= router.policy.attempts_max:
        return None
    silent = declined(router, tried)
    ranking = router.board.ranking(workload, at_ms)
    cheapest = router.cheapest_of(ranking, workload, silent)
    asked = None if cheapest else ask(router, workload, at_ms, silent, rescued)
    chosen = asked.choice if asked else cheapest
    if chosen is None or not leaves_minimum(router, workload, chosen[2], rescued):
        return None
    cost, site_id, class_id, _ = chosen
    choice = choice_of(router, ranking, workload, chosen, at_ms)
    return Route(
        whole,
        ROUTED,
        at_ms,
        site_id,
        class_id,
        past.attempt + 1,
        cost,
        tried,
        preempt=asked is not None and asked.preempt,
        claim=asked is not None and asked.claim,
        borrowed=borrowed,
        voucher_id=choice.scores[0].voucher_id,
        rescued=rescued,
        choice=choice,
        done_s=done_s,
    )


def _nowhere(router: Router, workload: Workload, at_ms: int, past: Past) -> Route:
    """It waits; or is refused, since no site could ever hold it."""
    why, refused = explain(router, workload, past.tried, at_ms)
    if not refused and not is_entitled(router, workload) and not may_borrow(router, workload):
        why = held_back(router, QUOTA)
    waiting = _waiting(workload, at_ms, past, why_not=why)
    if not refused:
        return waiting
    return waiting._replace(state=REFUSED, reason=why.nearest_miss)


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
    if route is None or route.state is not ROUTED or route.attempt != report.attempt:
        return
    if report.outcome is PlaceOutcome.ENDED:
        yield _over(route, ENDED, at_ms, report.reason)
    elif route.cancel_requested or report.outcome is PlaceOutcome.CANCELLED:
        yield _over(route, CANCELLED, at_ms, "cancelled")
    else:
        yield _again(router, route, report, at_ms)


def _again(router: Router, route: Route, report: Report, at_ms: int) -> Route:
    offer, lost = router.offers.get(route.site_id), report.reason.startswith(SITE_LOST)
    refusal = (route.site_id, offer.revision if offer else 0)
    past = route.past
    if not route.pause_requested:
        past = past._replace(tried=(*(t for t in past.tried if t[0] != route.site_id), refusal))
    # With a site its checkpoints are lost.
    done_s = 0 if lost else past.done_s + report.kept_ms // 1_000
    past = past._replace(done_s=done_s, rescued=past.rescued or lost)
    decide = choose if past.rescued else _choose_or_queue
    next_route = decide(router, route.workload, at_ms, past)
    return next_route if next_route.reason else next_route._replace(reason=report.reason)


def _cancel(router: Router, request: Cancel, at_ms: int) -> Iterator[Route]:
    route = router.routes.get(request.workload_id)
    if route is None or route.over or route.workload.tenant_id != request.tenant_id:
        return
    if route.state is WAITING:
        yield _over(route, CANCELLED, at_ms, "cancelled")
    elif not route.cancel_requested:
        yield route._replace(cancel_requested=True, decided_at_ms=at_ms, reason="cancelling")


def _over(route: Route, state: RouteState, at_ms: int, reason: str) -> Route:
    # In place of _replace, which takes four times as long.
    return Route(
        route.workload,
        state,
        at_ms,
        *route[3:9],
        reason,
        None,
        None,
        route.preempt,
        route.claim,
        route.borrowed,
        route.voucher_id,
        route.rescued,
        route.choice,
        route.pause_requested,
        route.done_s,
    )


def _wake(router: Router, at_ms: int) -> Iterator[Route]:
    """Decide anew about those whose hour has come, and about all when the forecast changed."""
    news = router.board.has_news(at_ms)
    for name in router.deferred.to_judge(at_ms, news, JUDGED_PER_STEP_MAX):
        route = router.routes[name]
        found = choose(router, route.workload, at_ms, route.past)
        if not same_wait(found.deferral, route.deferral):
            yield found
    for name in router.running.to_judge(news, RUNNING_JUDGED_PER_STEP_MAX):
        route = router.routes[name]
        later = _pause(router, route, at_ms)
        if later is not None:
            yield route._replace(pause_requested=True, decided_at_ms=at_ms, reason=later.reason)


def _pause(router: Router, route: Route, at_ms: int) -> Deferral | None:
    """Whether what runs had better stop: how far it is, its site will say."""
    left = rest_of(route.workload, route.done_s)
    if not in_pieces(router.board, left):
        return None
    return pause(router.board, left, at_ms, (at_ms - route.decided_at_ms) // 1_000)
