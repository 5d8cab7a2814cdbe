"""What PLACE can be told about servers that leave for a while."""

from __future__ import annotations

from typing import NamedTuple

from hexi_scheduler.domain.closures import Drain, RackPower, SiteLoss


class DirectDrain(NamedTuple):
    """An operator takes servers out, or gives them back."""

    drain: Drain
    active: bool


class DeclareLoss(NamedTuple):
    """The site is gone, or back (not active)."""

    loss: SiteLoss
    active: bool


class MeasureRacks(NamedTuple):
    """What racks draw that moved since it was told last."""

    racks: tuple[RackPower, ...]
    measured_at_ms: int
