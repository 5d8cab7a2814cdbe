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
    silent = {one.site_id: live.silent_racks(one.site_id, now_ms) for one in province.sites}
    return Picture(now_ms, province, silent)
