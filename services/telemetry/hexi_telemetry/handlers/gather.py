"""Sums up the frames of one batch of the log before anything is stored."""

from __future__ import annotations

from collections.abc import Iterable

from hexi_telemetry.domain.energy.minutes import MINUTE_MS
from hexi_telemetry.domain.energy.points import point_of
from hexi_telemetry.domain.energy.sensors import SiteSensors
from hexi_telemetry.domain.frame import Frame
from hexi_telemetry.domain.silence import Beat
from hexi_telemetry.domain.stream import Ahead, StreamKey
from hexi_telemetry.ports.streams import Sites
from hexi_telemetry.ports.windows import LogBatch


class Gatherer:
    """Remembers the sensors of each site's newest revision; soft state, whole again in minutes."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self._sensors: dict[str, tuple[int, SiteSensors]] = {}

    def gather(self, frames: Iterable[Frame]) -> LogBatch:
        batch = LogBatch()
        for frame in frames:
            key = StreamKey(frame.site_id, frame.agent_id, frame.epoch)
            beat = Beat(frame.first_server, frame.observed_at_ms, frame.period_ms)
            batch.logged.append((key, frame.sequence, Ahead(frame.digest, beat)))
            site = self._sites.find(frame.site_id)
            # Servers nobody has heard of count as covered: coverage needs the whole.
            servers = site.servers_of.get(frame.revision, 0) if site is not None else 0
            servers = max(servers, frame.first_server + frame.count)
            heard = self._of(frame, servers).hear(frame)
            # A frame speaks of the period before its moment: that of a full minute is old.
            minute_ms = (frame.observed_at_ms - 1) // MINUTE_MS * MINUTE_MS
            place = (frame.site_id, minute_ms)
            row = point_of(frame, servers, heard)
            batch.points[place] = batch.points.get(place, b"") + row
            newest = batch.watermarks.get(frame.site_id, 0)
            batch.watermarks[frame.site_id] = max(newest, frame.observed_at_ms)
        return batch

    def _of(self, frame: Frame, servers: int) -> SiteSensors:
        revision, sensors = self._sensors.get(frame.site_id, (-1, None))
        if sensors is not None and revision == frame.revision and len(sensors) >= servers:
            return sensors
        # A frame of an old revision out of a spool stands alone.
        made = SiteSensors(servers)
        if frame.revision >= revision:
            self._sensors[frame.site_id] = (frame.revision, made)
        return made
