"""Makes room for urgent work by evicting who loses least, within a budget, and nobody in vain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from hexi_scheduler.domain.place.bounds import bounds_of
from hexi_scheduler.domain.place.claims import seek
from hexi_scheduler.domain.place.eviction import evicted
from hexi_scheduler.domain.place.hunt import Group, Victim
from hexi_scheduler.domain.place.place_commands import PlaceItem
from hexi_scheduler.domain.place.place_events import PlaceEvent, PreemptionCounted
from hexi_scheduler.domain.place.policy import Policy
from hexi_scheduler.domain.place.site import Site
from hexi_scheduler.domain.place.victims import eligible, groups
from hexi_scheduler.domain.rules import Rules

HOUR_MS = 60 * 60 * 1_000
TRIED_MAX = 256


def make_room(
    site: Site, item: PlaceItem, at_ms: int, policy: Policy, rules: Rules
) -> Iterator[PlaceEvent]:
    """The cost, counted first; then the evictions, after which the item fits. Or nothing at all."""
    workload = item.workload
    asked = workload.tenant_id, rules.rank(workload), workload.demand
    if site.hunt.is_vain(asked, at_ms):
        return
    budget = _Budget(site, at_ms, rules)
    bounds = bounds_of(site, workload, at_ms, rules, item.rescued)
    choices = site.hunt.recall(asked, at_ms)
    if choices is None:
        candidates = budget.affordable(eligible(site, workload, at_ms, rules))
        choices = groups(site, workload, candidates, bounds.allowed)
        site.hunt.note(asked, at_ms, choices)

    def fits() -> bool:
        return seek(site, workload, at_ms, policy, bounds) is not None

    victims = _fewest(site, choices, budget, fits)
    if not victims:
        site.hunt.note_vain(asked, at_ms)
        return
    yield budget.after(victims)
    for victim in victims:
        yield evicted(site, victim.placement, at_ms, f"preempted by {item.placement_id}")._replace(
            preempted_by=item.placement_id, wasted_accelerator_ms=victim.wasted_accelerator_ms
        )


class _Budget:
    """What is left to spend in the hour."""

    def __init__(self, site: Site, at_ms: int, rules: Rules) -> None:
        hour, counted = at_ms // HOUR_MS, site.preempted
        # A command may be older than the last one: what was counted in a later hour counts still.
        self._counted = counted if counted.hour >= hour else PreemptionCounted(hour)
        self._limits = rules.preemption

    def affordable(self, victims: Iterable[Victim]) -> list[Victim]:
        """Those who could go if nobody else did."""
        counted, limits = dict(self._counted.victims), self._limits
        left_ms = limits.wasted_accelerator_ms_max - self._counted.wasted_accelerator_ms
        most = limits.victims_per_tenant_max
        return [
            v
            for v in victims
            if v.wasted_accelerator_ms <= left_ms
            and counted.get(v.placement.workload.tenant_id, 0) < most
        ]

    def allows(self, victims: Iterable[Victim]) -> bool:
        after = self.after(victims)
        return after.wasted_accelerator_ms <= self._limits.wasted_accelerator_ms_max and all(
            count <= self._limits.victims_per_tenant_max for _, count in after.victims
        )

    def after(self, victims: Iterable[Victim]) -> PreemptionCounted:
        tenants = Counter(dict(self._counted.victims))
        wasted = self._counted.wasted_accelerator_ms
        for victim in victims:
            tenants[victim.placement.workload.tenant_id] += 1
            wasted += victim.wasted_accelerator_ms
        return PreemptionCounted(self._counted.hour, wasted, tuple(sorted(tenants.items())))


def _fewest(
    site: Site, choices: Iterable[Group], budget: _Budget, fits: Callable[[], bool]
) -> list[Victim]:
    """Tried on the site's own capacity, which is left as it was."""
    gone: dict[str, Victim] = {}
    enough = False
    for group in choices:
        if not all(site.placements[v.placement_id].live for v in group):
            continue
        more = {v.placement_id: v for v in group if v.placement_id not in gone}
        if more and budget.allows((*gone.values(), *more.values())):
            gone |= more
            _move(site, more.values(), give=True)
            enough = fits()
            if enough or len(gone) >= TRIED_MAX:
                break
    # Whoever would go in vain stays: first those whose work is worth most.
    for victim in sorted(gone.values(), reverse=True) if enough else ():
        _move(site, [victim], give=False)
        if fits():
            del gone[victim.placement_id]
        else:
            _move(site, [victim], give=True)
    _move(site, gone.values(), give=False)
    return sorted(gone.values()) if enough else []


def _move(site: Site, victims: Iterable[Victim], *, give: bool) -> None:
    capacity = site.capacity
    move = capacity.give if give else capacity.take
    for victim in victims:
        asked = victim.placement.workload.demand.resources
        for part in victim.placement.allocations:
            if capacity.knows(part.server):
                move(part, asked)
