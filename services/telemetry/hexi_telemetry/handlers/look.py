"""Answers those who look: series out of the store, and the province as it is now."""

from __future__ import annotations

from hexi_kit.clock import Clock
from hexi_kit.errors import NotFound
from hexi_kit.metrics import gauge

from hexi_telemetry.domain.frame import Metric
from hexi_telemetry.domain.live import Live
from hexi_telemetry.domain.picture import Picture, picture_of
from hexi_telemetry.domain.points import Grid, Points
from hexi_telemetry.domain.series import DAY_MS
from hexi_telemetry.ports.series import Scope, SeriesStore
from hexi_telemetry.ports.streams import Sites

# Who looks more often than this sees the same picture again.
PICTURE_S = 0.5
TICK_S = 10


async def answer(store: SeriesStore, scope: Scope, metric: Metric, grid: Grid) -> Points:
    """A day at a time: however long the range, memory stays small and others get their turn."""
    points = Points(grid)
    units = await store.units(scope, (grid.from_ms, grid.to_ms))
    for start_ms in range(grid.from_ms, grid.to_ms, DAY_MS) if units else ():
        between_ms = (start_ms, min(start_ms + DAY_MS, grid.to_ms))
        points.add(await store.readings(scope, metric, units, between_ms))
    return points


def known_scope(sites: Sites, site_id: str, rack: str, server: int | None) -> Scope:
    """A site, rack or server there is; for a server, also its rack."""
    site = sites.find(site_id)
    newest = sites.server_set(site_id, site.newest_revision) if site is not None else None
    if newest is None:
        raise NotFound("site", site_id)
    if rack and rack not in newest.racks:
        raise NotFound("rack", rack)
    if server is None:
        return Scope(site_id, rack)
    if server >= len(newest.rack_index):
        raise NotFound("server", str(server))
    return Scope(site_id, newest.racks[newest.rack_index[server]], server)


class Board:
    """Makes a picture once, however many look."""

    def __init__(self, live: Live, clock: Clock) -> None:
        self._live, self._clock = live, clock
        self._picture: Picture | None = None
        self._made_s = 0.0

    def look(self) -> Picture:
        real_s = self._clock.real_monotonic_s()
        if self._picture is None or real_s - self._made_s >= PICTURE_S:
            picture = picture_of(self._live, self._clock.now_ms())
            self._picture, self._made_s = picture, real_s
        return self._picture

    async def tell(self) -> None:
        """Show the province among our own metrics, tick by tick, as long as the process lives."""
        while True:
            await self._clock.sleep(TICK_S)
            province = self.look().province
            gauge("telemetry.servers_heard").set(province.fresh_servers)
            gauge("telemetry.it_power_w").set(province.it_power_w)
            if province.pue_milli is not None:
                gauge("telemetry.pue_milli").set(province.pue_milli)
