"""What of a site is closed or kept back, and who stands where: a part of the site's state."""

from __future__ import annotations

from collections.abc import Iterable

from hexi_scheduler.domain.closures import Drain, RackPower, ServerFailure, SiteLoss
from hexi_scheduler.domain.facts import ServerSet
from hexi_scheduler.domain.keep import HeadroomRules, SpareRules
from hexi_scheduler.domain.layout import Layout
from hexi_scheduler.domain.place.closure_events import (
    DrainChanged,
    FailuresCounted,
    RackPowerMeasured,
    SiteLossChanged,
)
from hexi_scheduler.domain.place.headroom import RackBudget
from hexi_scheduler.domain.place.neighbours import Neighbours
from hexi_scheduler.domain.placement import Placement
from hexi_scheduler.domain.workload import FLEET, GENERAL, WHOLE

KeepingEvent = DrainChanged | SiteLossChanged | RackPowerMeasured | FailuresCounted
NO_SERVERS = ServerSet(0, ())


class Keeping:
    """What is said stands in fields; what follows from it is counted when somebody first asks."""

    # fmt: off
    __slots__ = (
        "_budget", "_layout", "_neighbours", "_server_set", "_spare", "drains", "failures",
        "isolated", "loss", "rack_power",
    )
    # fmt: on

    def __init__(self) -> None:
        self.drains: dict[str, Drain] = {}
        self.loss: SiteLoss | None = None
        self.rack_power: tuple[RackPower, ...] = ()
        self.failures: tuple[ServerFailure, ...] = ()
        self.isolated = 0  # live placements that share with no other tenant
        self._server_set = NO_SERVERS
        self._layout: Layout | None = None
        self._neighbours: Neighbours | None = None
        self._budget: RackBudget | None = None
        self._spare: dict[str, int] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Keeping) and self._said() == other._said()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def apply(self, event: KeepingEvent) -> None:
        if isinstance(event, DrainChanged):
            if event.over:
                self.drains.pop(event.drain.drain_id, None)
            else:
                self.drains[event.drain.drain_id] = event.drain
        elif isinstance(event, SiteLossChanged):
            self.loss = event.loss
        elif isinstance(event, FailuresCounted):
            self.failures = event.servers
        else:
            self.rack_power = event.racks
            if self._budget is not None:
                self._budget.measure(dict(event.racks))

    def adopt(self, server_set: ServerSet) -> None:
        """The servers are others now."""
        self._server_set = server_set
        self._layout = self._neighbours = self._budget = self._spare = None

    def count(self, placement: Placement, sign: int) -> None:
        """It takes its servers, or gives them back."""
        if placement.workload.demand.constraints.tenant_isolation:
            self.isolated += sign
        if self._neighbours is not None:
            self._neighbours.count(placement, sign)
        if self._budget is not None:
            self._budget.count(placement, sign)

    def layout(self) -> Layout:
        if self._layout is None:
            self._layout = Layout(self._server_set)
        return self._layout

    def neighbours(self, placements: Iterable[Placement]) -> Neighbours:
        if self._neighbours is None:
            live = (p for p in placements if p.live)
            self._neighbours = Neighbours(len(self._server_set.servers), live)
        return self._neighbours

    def budget(self, rules: HeadroomRules, placements: Iterable[Placement]) -> RackBudget | None:
        """None where no rack was ever measured."""
        if self._budget is None and self.rack_power:
            live = (p for p in placements if p.live)
            self._budget = RackBudget(self.layout(), rules, dict(self.rack_power), live)
        return self._budget

    def spare(self, rules: SpareRules) -> dict[str, int]:
        """Units of the fleet that the policy keeps back, by class."""
        if self._spare is None:
            units: dict[str, int] = {}
            for server in self._server_set.servers:
                if server.executor == FLEET:
                    own = server.cpu_milli if server.class_id == GENERAL else None
                    more = server.accelerators if own is None else own // WHOLE
                    units[server.class_id] = units.get(server.class_id, 0) + more
            kept = {class_id: rules.units(class_id, total) for class_id, total in units.items()}
            self._spare = {class_id: count for class_id, count in sorted(kept.items()) if count}
        return self._spare

    def _said(self) -> tuple[object, ...]:
        return self.drains, self.loss, self.rack_power, self.failures, self.isolated
