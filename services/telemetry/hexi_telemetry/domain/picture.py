"""The province at one moment, as watchers are shown it."""

from __future__ import annotations

from dataclasses import dataclass

from hexi_telemetry.domain.live import Live, ProvinceLive


@dataclass(frozen=True, slots=True)
class Picture:
    """`silent` names racks of which nothing is heard any more, by site."""

    at_ms: int
    province: ProvinceLive
    silent: dict[str, list[str]]


def picture_of(live: Live, now_ms: int) -> Picture:
    province = live.province(now_ms)
    silent = {}
    for site in province.sites:
        racks = live.racks(site.site_id, now_ms)
        silent[site.site_id] = racks.silent() if racks is not None else []
    return Picture(now_ms, province, silent)
