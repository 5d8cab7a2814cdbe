"""Claims: a site keeps what frees up on some servers for large work that would else starve.

Leases come first, and work that has ended before a claim can start may run in its room meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from hexi_scheduler.domain.facts import Condition
from hexi_scheduler.domain.fair_offer import Backfill
from hexi_scheduler.domain.place.answers import claimed, declined, placed
from hexi_scheduler.domain.place.bounds import UNBOUND, Bounds, bounds_of
from hexi_scheduler.domain.place.free_server import FreeServer
from hexi_scheduler.domain.place.leases import end_ms_of
from hexi_scheduler.domain.place.place_commands import PlaceItem
from hexi_scheduler.domain.place.place_fit import Room, find_room
from hexi_scheduler.domain.place.policy import Policy
from hexi_scheduler.domain.place.shadow import shadow
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.placement import Placement
from hexi_scheduler.domain.quantum import QUEUE_HOLD_MS, QUEUE_MAX, queues
from hexi_scheduler.domain.rules import Rules
from hexi_scheduler.domain.use import NO_USE, Use
from hexi_scheduler.domain.workload import Workload

EXPIRED = "its claim expired"
HOPELESS = "no servers can hold it any more"


def seek(
    site: Site, workload: Workload, at_ms: int, policy: Policy, bounds: Bounds = UNBOUND
) -> Room | None:
    """Room outside of all claims; else inside those that this work does not delay."""
    room = find_room(site, workload, at_ms, policy, bounds)
    if room is not None or not site.claims:
        return room
    leased = site.drawable(workload.demand, workload.tenant_id, at_ms) is not None
    end_ms = end_ms_of(workload, at_ms)
    open_to_it = [c for c in site.claims.values() if leased or end_ms <= c.expected_start_ms]
    if not open_to_it:
        return None
    with _lifted(site, open_to_it):
        return find_room(site, workload, at_ms, policy, bounds)


def claim(site: Site, item: PlaceItem, at_ms: int, rules: Rules) -> Placement | None:
    """A claim on the servers where it will fit first; None where the site has enough of them."""
    demand = item.workload.demand
    in_line = queues(demand)
    others = sum(queues(held.workload.demand) == in_line for held in site.claims.values())
    if others >= (QUEUE_MAX if in_line else rules.claims.per_site_max):
        return None
    spare = bounds_of(site, item.workload, at_ms, rules, item.rescued).spare or {}
    ahead = shadow(site, demand, at_ms, () if in_line else site.kept, spare)
    if ahead is None:
        return None
    hold_ms = QUEUE_HOLD_MS if in_line else rules.claims.hold_ms
    return claimed(site, item, at_ms, ahead, at_ms + hold_ms)


def serve(site: Site, at_ms: int, policy: Policy, rules: Rules) -> Iterator[Placement]:
    """Claims that fit now, the most urgent and oldest first."""
    for held in _in_order(site, rules):
        if _may_fit(site, held):
            bounds = bounds_of(site, held.workload, at_ms, rules)
            with _lifted(site, (held,)):
                room = find_room(site, held.workload, at_ms, policy, bounds)
            if room is not None:
                yield placed(site, _item(held), at_ms, room)


def review(site: Site, now_ms: int, rules: Rules) -> Iterator[Placement]:
    """Claims whose time is over, and others for which different servers are better now."""
    for held in _in_order(site, rules):
        if held.claim_until_ms <= now_ms:
            yield declined(site, _item(held), now_ms, EXPIRED)
            continue
        servers = {part.server for part in held.allocations}
        lost = not servers.isdisjoint(_shut(site)) or not all(map(site.capacity.knows, servers))
        if held.expected_start_ms > now_ms and not lost:
            continue
        spare = bounds_of(site, held.workload, now_ms, rules).spare or {}
        ahead = shadow(site, held.workload.demand, now_ms, site.kept - servers, spare)
        if ahead is None:
            yield declined(site, _item(held), now_ms, HOPELESS)
            continue
        again = claimed(site, _item(held), held.placed_at_ms, ahead, held.claim_until_ms)
        if lost or again.expected_start_ms != held.expected_start_ms:
            yield again


def backfill(site: Site) -> Iterator[Backfill]:
    """What work that ends in time may use of the servers that are kept."""
    for _, held in sorted(site.claims.items()):
        free = NO_USE
        for server in {part.server for part in held.allocations}:
            if site.capacity.knows(server):
                cpu, memory, devices = site.capacity.free(server)
                free = free.plus(Use(cpu, memory, sum(devices)))
        if held.expected_start_ms and free != NO_USE:
            yield Backfill(held.class_id, held.executor, held.expected_start_ms, free)


@contextmanager
def _lifted(site: Site, claims: Iterable[Placement]) -> Iterator[None]:
    """Their servers are in reach meanwhile."""
    open_now = {part.server for held in claims for part in held.allocations}
    site.capacity.bar(Condition.CLAIMED, site.kept - open_now)
    yield
    site.capacity.bar(Condition.CLAIMED, site.kept)


def _in_order(site: Site, rules: Rules) -> list[Placement]:
    def urgency(held: Placement) -> tuple[int, int, str]:
        workload = held.workload
        return -rules.rank(workload), workload.submitted_at_ms, held.placement_id

    return sorted(site.claims.values(), key=urgency)


def _may_fit(site: Site, held: Placement) -> bool:
    """Whether its servers have the room; a look that fails fast."""
    asked = held.workload.demand.resources
    for server, replicas in Counter(part.server for part in held.allocations).items():
        if not site.capacity.knows(server):
            return False
        if FreeServer(site.capacity, server).replicas(asked) < replicas:
            return False
    return True


def _shut(site: Site) -> set[int]:
    return set().union(*site.out.values())


def _item(held: Placement) -> PlaceItem:
    return PlaceItem(held.placement_id, held.attempt, held.workload, borrowed=held.borrowed)
