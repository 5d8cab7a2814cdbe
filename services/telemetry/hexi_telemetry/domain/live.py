"""The province as it is now: the newest reading of every server, in memory, rebuilt by hearing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hexi_telemetry.domain.facts import ServerSetFacts
from hexi_telemetry.domain.frame import FloatColumn, Frame
from hexi_telemetry.domain.live_site import FRESH_PERIODS, KEPT, Meter, SiteState, empty_site

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class SiteLive:
    """What the fresh readings of one site say together; None where nobody measures it.

    `facility_w` and `metered_it_w` are means between the site's last two meter readings.
    """

    site_id: str
    revision: int
    observed_at_ms: int
    servers: int
    fresh_servers: int
    server_power_w: float
    inlet_max_c: float | None
    cpu_utilisation: float | None
    accelerator_utilisation: float | None
    facility_w: float | None
    metered_it_w: float | None

    @property
    def coverage_ppm(self) -> int:
        return self.fresh_servers * PPM // max(1, self.servers)

    @property
    def it_power_w(self) -> float:
        return self.server_power_w if self.metered_it_w is None else self.metered_it_w

    @property
    def pue_milli(self) -> int | None:
        """Of the last tick only: a rollup has the record with its bounds."""
        return _pue_milli(self.facility_w, self.it_power_w)


@dataclass(frozen=True, slots=True)
class ProvinceLive:
    """All sites together; PUE over those that meter their facility."""

    sites: tuple[SiteLive, ...]
    servers: int
    fresh_servers: int
    it_power_w: float
    facility_w: float
    pue_milli: int | None


class Live:
    """Soft state of one process: after a start it is whole again within a period."""

    def __init__(self) -> None:
        self._sites: dict[str, SiteState] = {}

    def hear(self, frame: Frame, server_set: ServerSetFacts | None) -> None:
        """Take in one accepted frame; `server_set` is the revision it speaks of."""
        site = self._sites.get(frame.site_id)
        if site is None or site.server_set.revision < frame.revision:
            if server_set is None:
                return
            meter = site.meter if site is not None else Meter()
            site = self._sites[frame.site_id] = empty_site(server_set, meter)
        if site.server_set.revision == frame.revision:
            site.hear(frame)

    def site(self, site_id: str, now_ms: int) -> SiteLive | None:
        site = self._sites.get(site_id)
        return None if site is None else _look(site, now_ms)

    def silent_racks(self, site_id: str, now_ms: int) -> list[str]:
        site = self._sites.get(site_id)
        return [] if site is None else site.silent_racks(now_ms)

    def province(self, now_ms: int) -> ProvinceLive:
        sites = tuple(_look(self._sites[name], now_ms) for name in sorted(self._sites))
        metered = [site for site in sites if site.facility_w is not None]
        facility_w = sum(site.facility_w or 0.0 for site in metered)
        return ProvinceLive(
            sites,
            sum(site.servers for site in sites),
            sum(site.fresh_servers for site in sites),
            sum(site.it_power_w for site in sites),
            facility_w,
            _pue_milli(facility_w if metered else None, sum(site.it_power_w for site in metered)),
        )


def _look(site: SiteState, now_ms: int) -> SiteLive:
    fresh = site.fresh(now_ms)
    power, inlet, cpu, accelerator = (_known(site.columns[metric][fresh]) for metric in KEPT)
    meter = site.meter
    is_metered = meter.at_ms >= now_ms - FRESH_PERIODS * site.period_ms
    return SiteLive(
        site.server_set.site_id,
        site.server_set.revision,
        int(site.at_ms.max(initial=0)),
        fresh.size,
        int(np.count_nonzero(fresh)),
        float(power.sum(dtype=np.float64)),
        float(inlet.max()) if inlet.size else None,
        float(cpu.mean(dtype=np.float64)) if cpu.size else None,
        float(accelerator.mean(dtype=np.float64)) if accelerator.size else None,
        meter.facility_w if is_metered else None,
        meter.it_w if is_metered else None,
    )


def _known(values: FloatColumn) -> FloatColumn:
    return values[~np.isnan(values)]


def _pue_milli(facility_w: float | None, it_w: float) -> int | None:
    return round(facility_w / it_w * 1_000) if facility_w and it_w > 0 else None
