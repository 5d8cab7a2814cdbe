"""Servers come, go and are closed: adoption of a server set, quarantine of racks."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from hexi_scheduler.domain.facts import Condition, Quarantine, Server, ServerSet
from hexi_scheduler.domain.place.capacity import Capacity
from hexi_scheduler.domain.place.eviction import evict_from, evicted
from hexi_scheduler.domain.place.place_commands import DirectQuarantine
from hexi_scheduler.domain.place.place_events import ConditionChanged, PlaceEvent
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.placement import Allocation, Placement

VANISHED = "its server left the site"


def adopt(site: Site, offered: ServerSet, at_ms: int) -> Iterator[PlaceEvent]:
    """Take a newer revision: what still fits on its servers stays, the rest is evicted first."""
    known = site.server_set
    if known is None or offered.revision > known.revision:
        trial = Capacity(offered.servers)
        for name in sorted(site.placements):
            placement = site.placements[name]
            if placement.live and not _carry_over(trial, placement):
                yield evicted(site, placement, at_ms, VANISHED)
        yield offered
    yield from _close(site, tuple(site.quarantines.values()), at_ms, "quarantine")


def quarantine(site: Site, command: DirectQuarantine, at_ms: int) -> Iterator[PlaceEvent]:
    """Close or open racks; a rack opens when no directive closes it any more."""
    in_force = dict(site.quarantines)
    if command.active:
        in_force[command.quarantine.directive_id] = command.quarantine
    else:
        in_force.pop(command.quarantine.directive_id, None)
    yield from _close(site, tuple(in_force.values()), at_ms, f"quarantine: {command.reason}")


def _close(
    site: Site, in_force: tuple[Quarantine, ...], at_ms: int, reason: str
) -> Iterator[PlaceEvent]:
    in_force = tuple(sorted(in_force))
    servers = _servers_of(in_force, site.capacity.servers)
    if servers != site.out.get(Condition.QUARANTINED, ()) or in_force != _known(site):
        # Closed first: what is evicted must not be let in again behind its own back.
        yield ConditionChanged(Condition.QUARANTINED, servers, at_ms, in_force)
    yield from evict_from(site, servers, at_ms, reason[:512])


def _known(site: Site) -> tuple[Quarantine, ...]:
    return tuple(sorted(site.quarantines.values()))


def _servers_of(in_force: tuple[Quarantine, ...], servers: Collection[Server]) -> tuple[int, ...]:
    if any(not q.racks for q in in_force):
        return tuple(range(len(servers)))
    racks = {rack for q in in_force for rack in q.racks}
    return tuple(i for i, server in enumerate(servers) if server.rack in racks) if racks else ()


def _carry_over(trial: Capacity, placement: Placement) -> bool:
    """Take the placement's servers in the new set; False where one of them can not hold it."""
    asked = placement.workload.demand.resources
    taken: list[Allocation] = []
    for part in placement.allocations:
        if not (
            trial.fits(part, asked)
            and _of_class(trial.servers[part.server], placement)
            and trial.servers[part.server].executor == placement.executor
        ):
            for earlier in taken:
                trial.give(earlier, asked)
            return False
        trial.take(part, asked)
        taken.append(part)
    return True


def _of_class(server: Server, placement: Placement) -> bool:
    """Work without accelerators may stand on any server."""
    asked = placement.workload.demand.resources
    return not asked.accelerators or server.class_id == placement.class_id
