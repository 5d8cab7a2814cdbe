"""How often runs of a site failed through no fault of their own, among those it still remembers."""

from __future__ import annotations

from dataclasses import dataclass

from hexi_scheduler.domain.owed import CANCELLED
from hexi_scheduler.domain.placement import ENDED, EVICTED, Placement

PPM = 1_000_000
# So many runs that went well are assumed before any is known: one failure does not damn a site.
PRIOR_RUNS = 20
# What people or their work asked for is no failure of the site.
PLANNED = (CANCELLED, "drain", "maintenance", "paused")
TWO_DIGITS = 100


@dataclass(slots=True)
class Failures:
    """A site remembers what is over for an hour: that is the window, and a rebuild counts it."""

    ended: int = 0
    failed: int = 0

    def count(self, placement: Placement, sign: int) -> None:
        """One that is over, or is forgotten."""
        if placement.state is ENDED:
            self.ended += sign
        elif is_failure(placement):
            self.failed += sign

    @property
    def ppm(self) -> int:
        """Rounded to two digits: what differs by less is no news to ROUTE."""
        ppm = self.failed * PPM // (self.ended + self.failed + PRIOR_RUNS)
        unit = 1
        while ppm >= unit * TWO_DIGITS:
            unit *= 10
        return ppm // unit * unit


def is_failure(placement: Placement) -> bool:
    """It lost its servers, and nobody had asked for that."""
    if placement.state is not EVICTED or placement.preempted_by:
        return False
    return not placement.reason.startswith(PLANNED)
