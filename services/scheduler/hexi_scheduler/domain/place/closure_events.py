"""What PLACE can decide about servers that leave for a while; records of its journal."""

from __future__ import annotations

from typing import NamedTuple

from hexi_scheduler.domain.closures import Drain, RackPower, ServerFailure, SiteLoss


class DrainChanged(NamedTuple):
    """Servers are taken out, or given back."""

    drain: Drain
    over: bool = False


class SiteLossChanged(NamedTuple):
    """The site is lost, or back (None)."""

    loss: SiteLoss | None


class RackPowerMeasured(NamedTuple):
    """The newest power of every rack that was measured, by name."""

    racks: tuple[RackPower, ...]
    measured_at_ms: int


class FailuresCounted(NamedTuple):
    """Every server with failures that still count."""

    servers: tuple[ServerFailure, ...]
