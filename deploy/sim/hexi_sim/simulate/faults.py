"""What goes wrong, as the commands PLACE would hear and the silence of agents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hexi.inventory.v1 import inventory_pb2
from hexi.scheduler.v1 import place_pb2

from hexi_sim.simulate.fleet import Fleet
from hexi_sim.simulate.spec import HOUR_MS, Fault

DRAIN_MS = HOUR_MS
SILENT = place_pb2.SERVER_CONDITION_SILENT


class Faults:
    """Each begins at its hour, and ends where it says so; a site silent for long is lost."""

    def __init__(
        self,
        faults: Sequence[Fault],
        fleets: Mapping[str, Fleet],
        start_ms: int,
        site_lost_ms: int,
    ) -> None:
        self._faults, self._fleets, self._start_ms = faults, fleets, start_ms
        self._site_lost_ms = site_lost_ms

    def commands(self) -> Iterator[tuple[int, str, place_pb2.SiteCommand]]:
        """(when, site, what it is told); maintenance is told with the facts of the site."""
        for number, fault in enumerate(self._faults):
            if fault.kind == "maintenance":
                continue
            at_ms = self._ms(fault.at_h)
            yield at_ms, fault.site, self._said(number, fault, True)
            lost_ms = at_ms + self._site_lost_ms
            lasts = fault.until_h is None or lost_ms < self._ms(fault.until_h)
            if fault.kind == "site_lost" and lasts:
                yield lost_ms, fault.site, _loss(True, at_ms)
            if fault.until_h is not None:
                if fault.kind == "site_lost" and lasts:
                    yield self._ms(fault.until_h), fault.site, _loss(False, 0)
                yield self._ms(fault.until_h), fault.site, self._said(number, fault, False)

    def silences(self) -> Iterator[tuple[int, str, bool]]:
        """(when, site, whether it falls silent)."""
        for fault in self._faults:
            if fault.kind == "site_lost":
                yield self._ms(fault.at_h), fault.site, True
                if fault.until_h is not None:
                    yield self._ms(fault.until_h), fault.site, False

    def maintenance(self, site_id: str) -> list[inventory_pb2.Maintenance]:
        return [
            inventory_pb2.Maintenance(
                window_id=f"fault-{number}",
                start_ms=self._ms(fault.at_h),
                end_ms=self._ms(fault.until_h or fault.at_h + 1),
                racks=fault.racks,
            )
            for number, fault in enumerate(self._faults)
            if fault.kind == "maintenance" and fault.site == site_id
        ]

    def _said(self, number: int, fault: Fault, active: bool) -> place_pb2.SiteCommand:
        if fault.kind == "quarantine":
            directive = place_pb2.QuarantineDirected(
                directive_id=f"fault-{number}", active=active, racks=fault.racks, reason="fault"
            )
            return place_pb2.SiteCommand(quarantine=directive)
        if fault.kind == "drain":
            drain = place_pb2.DrainRequested(
                drain_id=f"fault-{number}",
                active=active,
                racks=fault.racks,
                servers=fault.servers,
                evict_at_ms=self._ms(fault.at_h) + DRAIN_MS,
                reason="fault",
            )
            return place_pb2.SiteCommand(drain=drain)
        everyone = range(len(self._fleets[fault.site].classes))
        servers = everyone if fault.kind == "site_lost" else fault.servers
        condition = place_pb2.ConditionChanged(
            condition=SILENT, active=active, servers=servers, evidence=fault.kind
        )
        return place_pb2.SiteCommand(condition=condition)

    def _ms(self, hour: float) -> int:
        return self._start_ms + int(hour * HOUR_MS)


def _loss(lost: bool, since_ms: int) -> place_pb2.SiteCommand:
    said = place_pb2.SiteLossDeclared(lost=lost, lost_at_ms=since_ms, reason="silent")
    return place_pb2.SiteCommand(loss=said)
