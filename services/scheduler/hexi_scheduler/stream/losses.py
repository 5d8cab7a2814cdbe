"""What became of the work of lost sites, as figures."""

from __future__ import annotations

from collections.abc import Iterable

from hexi_kit.metrics import counter, gauge

from hexi_scheduler.domain.place.closure_commands import DeclareLoss
from hexi_scheduler.domain.place.place_commands import Place, PlaceCommand
from hexi_scheduler.domain.placement import Placement, PlacementState
from hexi_scheduler.domain.route.route import Route, RouteState
from hexi_scheduler.domain.route.router import RouteEvent, Router


class Losses:
    """PLACE's side: what a site gave up with its loss, and what was placed elsewhere since."""

    def __init__(self) -> None:
        self._lost = counter("scheduler.placements_lost")
        self._rescued = counter("scheduler.placements_rescued")

    def count(self, said: PlaceCommand, placements: Iterable[Placement]) -> None:
        if isinstance(said, Place):
            rescued = {item.placement_id for item in said.items if item.rescued}
            if rescued:
                self._rescued.add(sum(p.live and p.placement_id in rescued for p in placements))
        elif isinstance(said, DeclareLoss):
            self._lost.add(sum(p.state is PlacementState.EVICTED for p in placements))


class Unsaved:
    """ROUTE's side: the work of lost sites that has no other place yet, by partition."""

    def __init__(self) -> None:
        self._now = gauge("scheduler.workloads_unsaved")
        self._names: dict[int, set[str]] = {}

    def rebuilt(self, partition: int, router: Router) -> None:
        waiting = (*router.waiting, *(name for _, name in router.deferred.members))
        self._names[partition] = {name for name in waiting if router.routes[name].rescued}
        self._tell()

    def forget(self, partition: int) -> None:
        if self._names.pop(partition, None):
            self._tell()

    def count(self, partition: int, events: Iterable[RouteEvent]) -> None:
        names = self._names[partition]
        before = len(names)
        for event in events:
            if isinstance(event, Route) and event.rescued:
                waits = event.state is RouteState.WAITING
                (names.add if waits else names.discard)(event.workload.workload_id)
        if len(names) != before:
            self._tell()

    def _tell(self) -> None:
        self._now.set(sum(map(len, self._names.values())))
