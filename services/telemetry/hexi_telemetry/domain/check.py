"""The content checks of a frame whose sender is proved: time, place, size, physics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hexi_telemetry.domain.frame import FloatColumn, Frame, Metric, Reason, Refusal

# (lowest, highest) a sensor of a server can mean; beyond it the reading is a lie or a defect.
PLAUSIBLE: dict[Metric, tuple[float, float]] = {
    Metric.POWER_W: (0.0, 50_000.0),
    Metric.INLET_TEMPERATURE_C: (-40.0, 100.0),
    Metric.CPU_UTILISATION: (0.0, 1.0),
    Metric.MEMORY_UTILISATION: (0.0, 1.0),
    Metric.ACCELERATOR_UTILISATION: (0.0, 1.0),
    Metric.ACCELERATOR_TEMPERATURE_C: (-40.0, 150.0),
    Metric.NETWORK_RX_BYTES_PER_S: (0.0, 1e12),
    Metric.NETWORK_TX_BYTES_PER_S: (0.0, 1e12),
    Metric.ACCELERATOR_POWER_W: (0.0, 50_000.0),
    Metric.CPU_TEMPERATURE_C: (-40.0, 150.0),
    Metric.OUTLET_TEMPERATURE_C: (-40.0, 100.0),
    Metric.FAN_SPEED_RPM: (0.0, 50_000.0),
    Metric.DISK_READ_BYTES_PER_S: (0.0, 1e12),
    Metric.DISK_WRITE_BYTES_PER_S: (0.0, 1e12),
}
ROUNDING = 1e-3  # binary32 of 1.0 computed elsewhere may be a little more than 1


@dataclass(frozen=True, slots=True)
class Site:
    """What inventory says of a site: may it report, and how many servers has each revision."""

    site_id: str
    is_admitted: bool
    newest_revision: int
    servers_of: dict[int, int]
    fingerprints: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a frame's time may be from ours. Late is wide: spools empty after long cuts."""

    early_ms: int
    late_ms: int


def check_content(frame: Frame, site: Site, bounds: Bounds, now_ms: int) -> Refusal | None:
    """The first rule this frame breaks, or None."""
    if not site.is_admitted:
        return Refusal(Reason.NOT_ADMITTED, f"site {site.site_id} is not admitted")
    offset_ms = frame.observed_at_ms - now_ms
    if not -bounds.late_ms <= offset_ms <= bounds.early_ms:
        expected = f"within -{bounds.late_ms} and +{bounds.early_ms} ms of now"
        return Refusal(Reason.CLOCK, f"expected {expected}, was {offset_ms:+d} ms")
    servers = site.servers_of.get(frame.revision)
    if servers is None:
        wanted = site.newest_revision
        return Refusal(Reason.UNKNOWN_REVISION, f"expected revision {wanted}, was {frame.revision}")
    if frame.first_server + frame.count > servers:
        return Refusal(
            Reason.IMPLAUSIBLE,
            f"expected servers below {servers}, was {frame.first_server}+{frame.count}",
        )
    return _check_physics(frame)


def _check_physics(frame: Frame) -> Refusal | None:
    for metric, values in frame.columns.items():
        low, high = PLAUSIBLE[metric]
        # NaN compares false with everything, so one comparison also finds what is not finite.
        fits = (values >= low - ROUNDING) & (values <= high + ROUNDING)
        if frame.good is not None:
            fits |= ~frame.good
        if not fits.all() and metric is not Metric.POWER_W:
            # A server need not have every sensor; only power is summed, and has to be there.
            fits |= np.isnan(values)
        if not fits.all():
            return _implausible(frame, metric, values, int(np.argmin(fits)))
    return None


def _implausible(frame: Frame, metric: Metric, values: FloatColumn, place: int) -> Refusal:
    low, high = PLAUSIBLE[metric]
    server = frame.first_server + place
    return Refusal(
        Reason.IMPLAUSIBLE,
        f"{metric.name} of server {server}: expected {low:g} to {high:g}, was {values[place]:g}",
    )
