"""Gives those who wait another turn, in fair order; and forgets what is long over."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hexi_scheduler.domain.route.route import Route, RouteForgotten, RouteState
from hexi_scheduler.domain.route.router import Router
from hexi_scheduler.domain.route.turns import is_entitled

RETRIES_PER_OFFER_MAX = 500
LOOKED_AT_MAX = 5_000
# Who was declined as often as the policy allows is not asked at every offer any more.
OFTEN_DECLINED_WAIT_MS = 60 * 1_000
REMEMBER_MS = 60 * 60 * 1_000
REMEMBER_MAX = 50_000
FORGET_PER_STEP_MAX = 2_000


def retry(router: Router, at_ms: int, again: Callable[[Route], Route]) -> Iterator[Route]:
    """Serve lines by class, share and age; where one of equals finds nothing, none does."""
    turn = router.waiting.turn(router.shares, at_ms)
    # Whoever is left at the end of the round goes before all that comes until the next.
    router.unserved.clear()
    routed = looked = 0
    while routed < RETRIES_PER_OFFER_MAX and looked < LOOKED_AT_MAX:
        head = turn.next()
        if head is None:
            break
        looked += 1
        route = router.routes[head.name]
        often = route.attempt >= router.policy.attempts_max
        if often and at_ms < route.decided_at_ms + OFTEN_DECLINED_WAIT_MS:
            turn.skipped(head)
            continue
        found = again(route)
        if found.state is RouteState.WAITING and not found.deferral:
            # A site that declined it declines its equals too; only who asked too many stands aside.
            if len(found.tried) >= router.policy.attempts_max:
                turn.skipped(head)
            elif not is_entitled(router, route.workload):
                turn.yields(head)
            continue
        yield found
        routed += 1
        turn.served(head)
    router.unserved.update(turn.left())


def forget(router: Router, at_ms: int) -> Iterator[RouteForgotten]:
    """A bounded number at a time of those who are over."""
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
