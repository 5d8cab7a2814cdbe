"""Servers on which work fails to start, again and again, get none for a while.

Only first attempts count: what failed elsewhere before may have itself to blame. One good start
clears a server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hexi_scheduler.domain.closures import ServerFailure
from hexi_scheduler.domain.facts import Condition
from hexi_scheduler.domain.keep import PenaltyRules
from hexi_scheduler.domain.place.closing import put_out
from hexi_scheduler.domain.place.closure_events import FailuresCounted
from hexi_scheduler.domain.place.place_events import PlaceEvent
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.placement import Placement


def count_failure(
    site: Site, placement: Placement, at_ms: int, rules: PenaltyRules
) -> Iterator[PlaceEvent]:
    """A strike for each of its servers, one at a time; enough of them put a server out."""
    if placement.attempt > 1:
        return
    known = {f.server: f for f in _still_counting(site.keeping.failures, at_ms, rules)}
    for server in {part.server for part in placement.allocations}:
        old = known.get(server)
        if old is None or old.failed_at_ms < at_ms:
            known[server] = _struck(server, old.strikes if old else 0, at_ms, rules)
    yield from _tell(site, known.values(), at_ms)


def clear(site: Site, placement: Placement, at_ms: int) -> Iterator[PlaceEvent]:
    """Work has started there."""
    failures = site.keeping.failures
    good = {part.server for part in placement.allocations} if failures else set()
    if any(f.server in good for f in failures):
        yield from _tell(site, [f for f in failures if f.server not in good], at_ms)


def reopen(site: Site, now_ms: int, rules: PenaltyRules) -> Iterator[PlaceEvent]:
    """Servers whose time is over come back; failures of long ago are forgotten."""
    if site.keeping.failures or site.out.get(Condition.FAILING):
        yield from _tell(site, _still_counting(site.keeping.failures, now_ms, rules), now_ms)


def _tell(site: Site, failures: Iterable[ServerFailure], at_ms: int) -> Iterator[PlaceEvent]:
    now = tuple(sorted(failures))
    if now != site.keeping.failures:
        yield FailuresCounted(now)
    out = {f.server for f in now if f.out_until_ms > at_ms and site.capacity.knows(f.server)}
    yield from put_out(site, Condition.FAILING, out, at_ms)


def _struck(server: int, before: int, at_ms: int, rules: PenaltyRules) -> ServerFailure:
    strikes = before + 1
    doublings = strikes - rules.strikes_max
    if doublings < 0:
        return ServerFailure(server, strikes, at_ms)
    out_ms = min(rules.backoff_ms << min(doublings, 32), rules.backoff_ms_max)
    return ServerFailure(server, strikes, at_ms, at_ms + out_ms)


def _still_counting(
    failures: Iterable[ServerFailure], now_ms: int, rules: PenaltyRules
) -> Iterator[ServerFailure]:
    return (f for f in failures if max(f.failed_at_ms, f.out_until_ms) + rules.window_ms > now_ms)
