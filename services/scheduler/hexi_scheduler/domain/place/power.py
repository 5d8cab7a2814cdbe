"""What racks draw, as telemetry tells it when it moved."""

from __future__ import annotations

from collections.abc import Iterator

from hexi_scheduler.domain.closures import RackPower
from hexi_scheduler.domain.place.closure_commands import MeasureRacks
from hexi_scheduler.domain.place.closure_events import RackPowerMeasured
from hexi_scheduler.domain.place.site import Site


def measure(site: Site, command: MeasureRacks) -> Iterator[RackPowerMeasured]:
    """Take what is new in; what is older than what is known is left out."""
    known = dict(site.keeping.rack_power)
    told = known | dict(command.racks)
    if told != known:
        racks = tuple(RackPower(*item) for item in sorted(told.items()))
        yield RackPowerMeasured(racks, command.measured_at_ms)
