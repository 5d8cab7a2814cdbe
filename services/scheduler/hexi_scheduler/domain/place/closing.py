"""Servers leave with notice: drains by operators, windows of maintenance."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from hexi_scheduler.domain.closures import Drain
from hexi_scheduler.domain.facts import Condition
from hexi_scheduler.domain.place.closure_commands import DirectDrain
from hexi_scheduler.domain.place.closure_events import DrainChanged
from hexi_scheduler.domain.place.eviction import evict_from
from hexi_scheduler.domain.place.place_events import ConditionChanged, PlaceEvent
from hexi_scheduler.domain.place.site import Site

REASON_CHARS_MAX = 512


def drain(site: Site, command: DirectDrain, at_ms: int) -> Iterator[PlaceEvent]:
    """Take servers out or give them back; a server is back when no drain names it any more."""
    known = site.keeping.drains.get(command.drain.drain_id)
    if command.active and known != command.drain:
        yield DrainChanged(command.drain)
    elif not command.active and known is not None:
        yield DrainChanged(known, over=True)
    yield from close_drained(site, at_ms)


def close_drained(site: Site, now_ms: int) -> Iterator[PlaceEvent]:
    """No new work from the first moment; none at all once the grace is over."""
    drains = [drained for _, drained in sorted(site.keeping.drains.items())]
    if not drains and not site.out.get(Condition.DRAINED):
        return
    yield from put_out(site, Condition.DRAINED, _union(site, drains), now_ms)
    for drained in drains:
        if drained.evict_at_ms <= now_ms:
            reason = f"drained: {drained.reason}"[:REASON_CHARS_MAX]
            yield from evict_from(site, _servers_of(site, drained), now_ms, reason)


def close_for_maintenance(site: Site, now_ms: int) -> Iterator[PlaceEvent]:
    """What runs when a window begins is evicted; at its end the servers open by themselves."""
    windows = site.facts.maintenance if site.facts else ()
    now = [window for window in sorted(windows) if window.start_ms <= now_ms < window.end_ms]
    if not now and not site.out.get(Condition.MAINTENANCE):
        return
    layout = site.keeping.layout()
    servers = set().union(*(layout.servers_in(window.racks) for window in now))
    yield from put_out(site, Condition.MAINTENANCE, servers, now_ms)
    for window in now:
        reason = f"maintenance: {window.window_id}"[:REASON_CHARS_MAX]
        yield from evict_from(site, layout.servers_in(window.racks), now_ms, reason)


def put_out(
    site: Site, condition: Condition, servers: Collection[int], at_ms: int
) -> Iterator[ConditionChanged]:
    """Exactly these servers are out for this reason from now on."""
    now = tuple(sorted(servers))
    if now != site.out.get(condition, ()):
        yield ConditionChanged(condition, now, at_ms)


def _union(site: Site, drains: Collection[Drain]) -> set[int]:
    return set().union(*(_servers_of(site, drained) for drained in drains))


def _servers_of(site: Site, drained: Drain) -> set[int]:
    named = {server for server in drained.servers if site.capacity.knows(server)}
    if drained.racks or not drained.servers:
        named |= site.keeping.layout().servers_in(drained.racks)
    return named
